import re

from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_sagemaker import naming

from .conftest import Job

PATTERN = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")  # TrainingJobName and ProcessingJobName
prefixes = st.from_regex(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,9}", fullmatch=True)
targets = st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True)


@given(prefix=prefixes, label=st.text(), targets=targets)
def test_every_name_is_valid_and_holds_its_identity(prefix, label, targets):
    identity = naming.identity(targets, "s3://bucket")
    name = naming.job_name(prefix, label, identity, naming.new_suffix())
    assert PATTERN.fullmatch(name)
    assert len(name) <= naming.MAX_LENGTH
    assert naming.identity_in(name, prefix) == identity


@given(targets=targets, shuffler=st.randoms())
def test_identity_ignores_the_order_of_targets(targets, shuffler):
    shuffled = shuffler.sample(targets, k=len(targets))
    assert naming.identity(targets, "s3://bucket") == naming.identity(shuffled, "s3://bucket")


@given(one=targets, other=targets)
def test_other_targets_or_places_have_other_identities(one, other):
    if sorted(one) != sorted(other):
        assert naming.identity(one, "s3://bucket") != naming.identity(other, "s3://bucket")
    assert naming.identity(one, "s3://bucket") != naming.identity(one, "s3://bucket/other")


def test_no_two_submissions_have_one_name():
    assert len({naming.new_suffix() for _ in range(100)}) == 100


def test_names_can_be_read():
    job = Job("tile_slide", {"slide": "TCGA-05-4244"})
    name = naming.job_name("snakemake", naming.label_of(job), naming.identity_of(job, "s3://b"), "0a1b2c")
    assert name.startswith("snakemake-tile-slide-TCGA-05-4244-")
    group = Job(parts=[Job("tile", {"s": "a"}), Job("tile", {"s": "b"}), Job("count")])
    assert naming.label_of(group) == "count-tile-3"


def test_names_of_others_are_not_ours():
    assert naming.identity_in("snakemake-training-2026-01-01", "snakemake") is None
    assert naming.identity_in("other-train-abcdefghijkl-0a1b2c", "snakemake") is None
