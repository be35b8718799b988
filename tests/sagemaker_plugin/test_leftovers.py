from snakemake_executor_plugin_sagemaker.leftovers import Leftovers
from snakemake_executor_plugin_sagemaker.resources import PROCESSING, TRAINING
from snakemake_executor_plugin_sagemaker.service import JobId, State

from .test_polling import status

IDENTITY = "abcdefghijkl"
MINE = JobId(TRAINING, f"snakemake-train-{IDENTITY}-000000")
OLD = JobId(PROCESSING, f"snakemake-train-{IDENTITY}-000001")
OTHER = JobId(TRAINING, "snakemake-other-mnopqrstuvwx-000002")


class FakeService:
    def __init__(self, **jobs):
        self.jobs = {}
        self.stopped = []
        self.listed = 0

    def running(self, prefix):
        self.listed += 1
        return [job for job, facts in self.jobs.items() if facts.state is State.RUNNING]

    def describe(self, job):
        return self.jobs.get(job)

    def stop(self, job):
        self.stopped.append(job)
        self.jobs[job] = status(State.FAILED, "Stopped")


def adopt(jobs, recorded=(), *, current=True):
    service = FakeService()
    service.jobs = dict(jobs)
    found = Leftovers(service, "snakemake").find(IDENTITY, "spec", recorded, lambda created: current)
    assert found.stopping == service.stopped
    return found.adopted, service


def test_the_same_work_that_still_runs_is_adopted():
    found, service = adopt({MINE: status(State.RUNNING), OTHER: status(State.RUNNING)})
    assert (found, service.stopped) == (MINE, [])


def test_other_work_for_the_same_outputs_is_stopped():
    found, service = adopt({MINE: status(State.RUNNING, spec="older"), OTHER: status(State.RUNNING)})
    assert (found, service.stopped) == (None, [MINE])


def test_of_two_that_do_the_same_one_is_stopped():
    found, service = adopt({MINE: status(State.RUNNING), OLD: status(State.RUNNING)})
    assert (found, service.stopped) == (MINE, [OLD])


def test_what_is_being_stopped_is_not_adopted():
    assert adopt({MINE: status(State.RUNNING, stopping=True)})[0] is None


def test_work_that_was_done_unseen_is_adopted():
    done = {MINE: status(State.DONE, "Completed")}
    assert adopt(done, [str(MINE)])[0] == MINE
    assert adopt(done)[0] is None  # Snakemake saw its end: it wants the work again
    assert adopt(done, [str(MINE)], current=False)[0] is None  # an input is newer


def test_failed_and_foreign_jobs_are_left_alone():
    found, service = adopt({MINE: status(State.FAILED)}, [str(MINE), "123_4", "training/snakemake-gone"])
    assert (found, service.stopped) == (None, [])


def test_jobs_are_listed_once():
    service = FakeService()
    leftovers = Leftovers(service, "snakemake")
    for identity in ("a", "b", "c"):
        leftovers.find(identity, "spec", [], lambda created: True)
    assert service.listed == 1
