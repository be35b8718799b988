import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from slidemill.seeds import generator, number

purposes = st.lists(st.text() | st.integers(), max_size=3)


@given(seed=st.integers(0, 2**63), purpose=purposes)
def test_equal_purposes_give_equal_draws(seed, purpose):
    assert number(seed, *purpose) == number(seed, *purpose)
    assert generator(seed, *purpose).integers(2**60) == generator(seed, *purpose).integers(2**60)
    assert 0 <= number(seed, *purpose) < 2**63


def test_purposes_that_read_alike_when_joined_differ():
    assert len({number(1, "ab", "c"), number(1, "a", "bc"), number(1, "abc"), number(1, "abc", "")}) == 4
    assert number(1, "a") != number(2, "a")


def test_another_process_with_another_hash_seed_draws_the_same():
    program = "from slidemill.seeds import number; print(number(7, 'split', 'LUAD'))"
    output = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONHASHSEED": "5"}, capture_output=True, text=True, check=True
    )
    assert int(output.stdout) == number(7, "split", "LUAD")
