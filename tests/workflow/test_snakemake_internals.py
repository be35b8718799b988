"""Each name from inside Snakemake that the workflow uses is there, and does what the workflow uses it for.

A failure here says what a later Snakemake changed. One tiny workflow is run for all tests.
"""

import contextlib
import dataclasses
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake.cli
import snakemake.common
import snakemake.dag
import snakemake.persistence
import snakemake.resources
import snakemake.rules
import snakemake.scheduling.job_scheduler
import snakemake.workflow
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import RemoteExecutionSettings, ResourceSettings, StorageSettings

RULES = Path(__file__).parents[2] / "rules"
SNAKEMAKE = Path(sys.executable).with_name("snakemake")

SNAKEFILE = """
import json
import subprocess
import sys
from pathlib import Path

import snakemake_internals as internals
from snakemake_interface_executor_plugins.settings import CommonSettings

internals.evaluate_resources_quickly()
internals.keep_groups_together(workflow)
internals.trust_groups(workflow)
given = internals.config_of_command_line(workflow)
files = internals.config_files(workflow)
internals.send_with_sources(workflow, Path("sheet.tsv").absolute())
internals.drop_set_resource(workflow, "alone", "mpi")


rule all:
    input: "copied.txt", "grouped.txt", "failed.txt", "number.txt"

rule alone:
    output: "alone.txt"
    resources: mpi="said by the rule"
    shell: "echo '{resources.mpi}' > {output}"

rule:
    name: "several_7"
    input: "alone.txt"
    output: "number.txt"
    threads: internals.set_threads(workflow, "several", otherwise=1)
    resources: **internals.set_resources(workflow, "several")
    shell: "echo {threads} {resources.mem_mb} {resources.partition} > {output}"

internals.forget_command(workflow, "several_7")

rule grouped:
    output: "grouped.txt"
    group: "pictures"
    shell: "touch {output}"

rule copied:
    input: "grouped.txt"
    output: "copied.txt"
    group: "pictures"
    shell: "touch {output}"

rule failing:
    output: "{name}ed.txt"
    log: "logs/{name}.log"
    benchmark: "benchmarks/{name}.tsv"
    wildcard_constraints: name="fail"
    shell: "echo why > {log}; exit 1"

onerror:
    settings = CommonSettings(
        non_local_exec=True, implies_no_shared_fs=False, job_deploy_sources=False, pass_group_args=False
    )
    found = {
        "failed": [[job.rule, job.wildcards, str(job.log)] for job in internals.failed_jobs(workflow)],
        "arguments": workflow.spawned_job_args_factory.general_args(settings),
        "commands": [name for name in workflow.globals if name.startswith("__") and "several" in name],
        "other commands": [name for name in workflow.globals if name == "__alone"],
        "sources": sorted(str(file) for file in workflow.dag.get_sources()),
        "is grouped": [internals.is_grouped(workflow, name) for name in ("pictures", "slides")],
        "benchmarks": internals.benchmark_files(workflow),
        "given": {key: dict(value) if key == "section" else value for key, value in given.items()},
        "files": [file.name for file in files],
        "sends jobs": internals.sends_jobs(workflow),
    }
    Path("found.json").write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def internals():
    sys.path.insert(0, str(RULES))
    try:
        import snakemake_internals
    finally:
        sys.path.remove(str(RULES))
    return snakemake_internals


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What the tiny workflow found out, and the folder that it ran in."""
    folder = tmp_path_factory.mktemp("internals")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "sheet.tsv").write_text("a sheet\n")
    (folder / "one.yaml").write_text("section: {kept: here, rate: 1}\n")
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    arguments = ["--cores", "3", "--keep-going", "--group-components", "pictures=2", "--set-threads", "several=2"]
    arguments += ["--set-resources", "several:mem_mb=100 * attempt", "several:partition='gpu'", "alone:mpi='srun'"]
    arguments += ["--configfile", "one.yaml", "--config", "number=3", "section={rate: 1e-3, name: 'a #b'}"]
    ended = subprocess.run(
        [SNAKEMAKE, *arguments, "--workflow-profile", "none"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(RULES), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (folder / "found.json").exists(), ended.stdout
    return SimpleNamespace(folder=folder, output=ended.stdout, **json.loads((folder / "found.json").read_text()))


def test_config_settings(run):
    assert run.given == {"number": 3, "section": {"rate": "1e-3", "name": "a #b"}}, (
        "workflow.config_settings.config is no longer what --config gave, with text below its first level: numbers of "
        "the command line are no longer told from texts of the config file."
    )
    assert run.files == ["one.yaml"], (
        "workflow.configfiles no longer lists the config files: keys that stand twice in one are not told any more."
    )


def test_what_this_snakemake_does_not_have_is_told(internals):
    with pytest.raises(WorkflowError, match=r"has no 'settings\.colour' in SimpleNamespace, which this workflow needs"):
        internals.inside(SimpleNamespace(settings=SimpleNamespace()), "settings.colour")


def asked_for_its_arguments(function, monkeypatch):
    """Whether Snakemake inspects a function when it calls it."""
    asked = []
    signature = inspect.signature
    monkeypatch.setattr(snakemake.common.inspect, "signature", lambda one: asked.append(one) or signature(one))
    given = snakemake.common.get_input_function_aux_params(function, {"attempt": 2, "input": []})
    return bool(asked), given


def test_overwrite_function_params(internals, monkeypatch):
    def memory(wildcards, attempt):
        return attempt

    assert asked_for_its_arguments(memory, monkeypatch) == (True, {"attempt": 2}), (
        "Snakemake no longer inspects the functions of rules for each job: called_for_each_job has nothing to save."
    )
    assert asked_for_its_arguments(internals.called_for_each_job(memory), monkeypatch) == (False, {"attempt": 2}), (
        "snakemake.common.overwrite_function_params no longer says which arguments a function takes: planning many "
        "slides becomes slower. Find what took its place, or drop called_for_each_job."
    )


def test_resource_evaluate(internals, monkeypatch):
    assert "val.evaluate," in inspect.getsource(snakemake.rules.Rule.expand_resources), (
        "Snakemake no longer calls Resource.evaluate for each resource of a job as it calls functions of rules: "
        "evaluate_resources_quickly has nothing to save."
    )
    internals.evaluate_resources_quickly()
    evaluate = snakemake.resources.Resource("mem_mb", lambda wildcards, attempt: 100 * attempt).evaluate
    asked, given = asked_for_its_arguments(evaluate, monkeypatch)
    assert not asked, "Snakemake inspects Resource.evaluate for each job again: planning becomes slower."
    assert evaluate({}, **given).value == 200, "Resource.evaluate gives the function of a resource other arguments."


@pytest.mark.parametrize("call", ["self._check_groups()", "self.validate_group(group)"])
def test_looks_at_groups(run, call):
    source = inspect.getsource(snakemake.dag.DAG)
    assert call in source, (
        f"Snakemake no longer calls {call}, or in another way: see whether planning thousands of slides in groups "
        "still takes minutes (benchmarks/dag.py), and mend or drop trust_groups."
    )


def test_run_functions_among_the_globals(run):
    assert vars(run)["other commands"] == ["__alone"], (
        "Snakemake no longer keeps a function for each rule among the globals: forget_command has nothing to save."
    )
    assert run.commands == [], "forget_command no longer finds the function that Snakemake keeps for a rule."
    assert (run.folder / "number.txt").exists(), "A rule whose function was taken from the globals no longer runs."


def test_overwrite_resources_and_overwrite_threads(run):
    assert (run.folder / "number.txt").read_text().split() == ["2", "100", "gpu"], (
        "What --set-resources and --set-threads say of one name no longer becomes that of the rules that stand for it."
    )


def test_overwrite_resources_are_what_rules_get(run):
    assert (run.folder / "alone.txt").read_text() == "said by the rule\n", (
        "A resource that was dropped from resource_settings.overwrite_resources reaches the rule all the same."
    )
    assert "srun" not in run.arguments, "It reaches the Snakemake that runs a job."


def test_raw_resources(internals):
    resources = snakemake.cli.parse_set_resources(
        ["train:gres=gpu:2", "train:runtime=24 * 60", "train:fifos=/some/folder"]
    )
    workflow = SimpleNamespace(resource_settings=ResourceSettings(overwrite_resources=resources))
    raw = [internals.raw_resource(workflow, "train", name) for name in ("gres", "fifos", "mpi")]
    assert raw == ["gpu:2", "/some/folder", None], "Resources of profiles are no longer kept as they were written."
    assert internals.raw_resource(workflow, "tile_slide", "gres") is None


def test_group_components(run):
    assert vars(run)["is grouped"] == [True, False], (
        "group_settings.group_components no longer holds the sizes of groups."
    )


def test_spawned_job_args_factory(run):
    assert "--group-components" in run.arguments, "The Snakemake that runs a group is not told to stay together."
    assert "pictures=2" in run.arguments
    assert "--keep-going" in run.arguments, "The Snakemake that runs a group stops at its first failing slide."


def test_configfiles(run):
    assert "sheet.tsv" in run.sources, (
        "What is appended to workflow.configfiles no longer travels with the sources: jobs without a shared file "
        "system have no slide sheet."
    )


def test_rules_and_their_benchmarks(run):
    assert run.benchmarks == ["benchmarks/{name,fail}.tsv"], (
        "workflow.rules no longer says the benchmark file of each rule."
    )


def test_is_main_process(run):
    assert vars(run)["sends jobs"] is True, (
        "workflow.is_main_process is not true in the Snakemake that the user started."
    )


def test_contents_in_the_place_of_times():
    """What it does is in test_places."""
    needed, finished = (
        inspect.getsource(function)
        for function in (snakemake.dag.DAG.update_needrun, snakemake.persistence.PersistenceBase.finished)
    )
    assert "f.is_newer(output_mintime_)" in needed
    assert "not await is_same_checksum(f, job)" in needed, "Snakemake no longer compares checksums of newer inputs."
    assert "f.is_checksum_eligible(" in needed
    assert "persistence.input_checksums(job, f)" in needed
    assert "infile.checksum(" in finished, "Snakemake no longer records the checksums of inputs."


def test_default_storage_prefix(internals):
    workflow = SimpleNamespace(storage_settings=StorageSettings(default_storage_prefix="s3://bucket/run"))
    assert internals.storage_prefix(workflow) == "s3://bucket/run"


def test_executor_settings_and_remote_execution_settings(internals):
    """Every workflow has places for them, which are filled before params are asked for."""
    fields = {field.name for field in dataclasses.fields(snakemake.workflow.Workflow)}
    assert {"executor_settings", "remote_execution_settings"} <= fields
    workflow = SimpleNamespace(executor_settings=None, remote_execution_settings=RemoteExecutionSettings())
    assert internals.executor_settings(workflow) is None
    assert internals.seconds_between_status_checks(workflow) == 10


def test_failed_jobs_of_the_scheduler(run):
    assert run.failed == [["failing", ["fail"], "logs/fail.log"]], (
        "workflow.scheduler.failed no longer holds the jobs that failed, or jobs no longer have rule, wildcards, log "
        "and output: what is printed at the end of a run with failures does not name them."
    )


def test_jobs_that_run_when_sigterm_comes(internals, tmp_path, monkeypatch):
    """The service itself is in tests/serving/test_workflow.py."""
    scheduler = snakemake.scheduling.job_scheduler.JobScheduler
    source = inspect.getsource(scheduler.__init__)
    assert "signal.signal(signal.SIGTERM, self.exit_gracefully)" in source, (
        "Snakemake no longer takes SIGTERM by JobScheduler.exit_gracefully: it does not end `snakemake serve`."
    )
    waited = []
    monkeypatch.setattr(scheduler, "exit_gracefully", lambda self, *arguments: waited.append(self))
    mark = tmp_path / "marks" / "one.end"
    internals.end_by_sigterm("serve", mark)
    serve, train = SimpleNamespace(name="serve"), SimpleNamespace(name="train")
    for running in (set(), [train], [serve, train]):
        scheduler.exit_gracefully(SimpleNamespace(running=running), 15, None)
    assert (len(waited), mark.exists()) == (3, False), "Other jobs are no longer waited for."
    scheduler.exit_gracefully(SimpleNamespace(running=[serve]), 15, None)
    assert (len(waited), mark.exists()) == (3, True)


def test_locks_are_taken_for_files_alone(internals, monkeypatch):
    """`snakemake view` itself is in tests/viewing/test_workflow.py."""
    base = snakemake.persistence.PersistenceBase
    taken = []

    @contextlib.contextmanager
    def lock(self):
        taken.append(self)
        yield

    monkeypatch.setattr(base, "lock", lock)
    internals.leave_locks_of_others()
    for outputs, inputs in ((["a"], []), ([], ["b"]), ([], [])):
        locked = SimpleNamespace(all_outputfiles=lambda own=outputs: own, all_inputfiles=lambda own=inputs: own)
        with base.lock(locked):
            pass
    assert len(taken) == 2, "Locks are taken for other reasons than files."


def test_private_names_are_used_in_one_module():
    """`workflow.basedir` is documented; everything else of the workflow object is behind snakemake_internals."""
    for path in [RULES.parent / "Snakefile", *RULES.glob("*.smk")]:
        text = path.read_text()
        used = set(re.findall(r"\bworkflow\.\w+", text)) - {"workflow.basedir"}
        assert used == set(), f"{path.name} uses attributes of the workflow: put them in snakemake_internals"
        assert "globals()" not in text, path.name
