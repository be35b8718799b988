from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

# Sums over the batch are taken in another order by 2 ranks than by 1 process.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def on_ranks(python_on_ranks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exchange")
    finished = python_on_ranks(2, Path(__file__).with_name("exchange_program.py"), folder)
    assert finished.returncode == 0, finished.stderr
    return [dict(np.load(folder / f"rank-{rank}.npz")) for rank in range(2)]


def test_2_ranks_with_batch_8_equal_1_process_with_batch_16(on_ranks):
    for rank in on_ranks:
        np.testing.assert_allclose(rank["exchanged"], rank["one_process"], rtol=0, atol=TOLERANCE)


def test_both_ranks_end_with_the_same_weights(on_ranks):
    np.testing.assert_array_equal(on_ranks[0]["exchanged"], on_ranks[1]["exchanged"])


def test_without_the_exchange_ranks_differ_from_1_process_and_from_each_other(on_ranks):
    for rank in on_ranks:
        assert np.abs(rank["not_exchanged"] - rank["one_process"]).max() > 100 * TOLERANCE
    assert np.abs(on_ranks[0]["not_exchanged"] - on_ranks[1]["not_exchanged"]).max() > 100 * TOLERANCE


def test_moving_statistics_are_averaged_and_weights_are_not(on_ranks):
    for number, rank in enumerate(on_ranks):
        assert set(rank["statistics"]) == {0.5}
        assert set(rank["weights"]) == {float(number)}


def test_rank_0_gives_its_values_to_all(on_ranks):
    for rank in on_ranks:
        assert set(rank["broadcast"]) == {0.0}
        assert rank["object"].tolist() == [0]


def test_tallies_are_summed_over_ranks(on_ranks):
    for rank in on_ranks:
        assert rank["total"].tolist() == [3.0, 20.0]


def test_a_step_counts_the_tiles_of_all_ranks(on_ranks):
    own = [rank["own_tally"] for rank in on_ranks]
    assert own[0][0] != own[1][0]
    for rank in on_ranks:
        np.testing.assert_allclose(rank["tally_of_all"], own[0] + own[1])
        assert rank["tally_of_all"][2] == 16
        assert rank["stopping"] == 1.0


def test_accumulation_equals_the_batch_as_a_whole(on_ranks):
    for rank in on_ranks:
        np.testing.assert_allclose(rank["accumulated"], rank["one_process"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("run", ["compressed", "accumulated_and_compressed"])
def test_compression_rounds_the_gradients_and_nothing_more(on_ranks, run):
    for rank in on_ranks:
        difference = np.abs(rank[run] - rank["one_process"]).max()
        assert 1e-7 < difference < 0.01
        np.testing.assert_array_equal(rank[run], on_ranks[0][run])


def test_rows_and_objects_of_all_ranks_are_gathered_in_order(on_ranks):
    for rank in on_ranks:
        assert rank["gathered"].tolist() == [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]
        assert rank["objects"].tolist() == [0, 1]
