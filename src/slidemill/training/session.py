"""One training, from a method to a model file, on one of the ranks."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from slidemill.training import ranks
from slidemill.training.backend import configure, tf
from slidemill.training.checkpoint import choose_checkpoint, fingerprint, load_checkpoint, save_checkpoint
from slidemill.training.history import EpochRow, best_epoch, is_exhausted, write_history
from slidemill.training.loop import EpochLoop, Position, Signals
from slidemill.training.method import Learning, Method, Moves
from slidemill.training.mlflow_run import TrackedRun
from slidemill.training.model_file import save_model
from slidemill.training.parameters import RankSetup, TrainingOutputs, TrainingParameters
from slidemill.training.preemption import PreemptedError, StopRequest
from slidemill.training.schedule import LearningRateSchedule
from slidemill.training.software import software
from slidemill.training.state import Phase, TrainingState
from slidemill.training.step import train_step, validation_step
from slidemill.training.tracking import Tracker
from slidemill.training.watchdog import Watchdog

_log = logging.getLogger(__name__)

_EPOCH_LINE = "epoch %d/%d: train loss %.4f, accuracy %.4f; validation loss %.4f, accuracy %.4f, AUC %.4f"


def train(
    method: Callable[[Moves], Method], outputs: TrainingOutputs, parameters: TrainingParameters, setup: RankSetup
) -> None:
    """Train on this rank together with the other ranks; rank 0 writes the model and its history.

    Where `outputs` has a checkpoint of this very training (same data, parameters and software) it goes on from there:
    on as many ranks to the same weights as a training that was never interrupted, on another number of ranks from the
    last finished epoch.

    Args:
        method: makes what learns, when the ranks are connected; what it is given it calls while that takes long.
        outputs: files to write.
        parameters: how to train.
        setup: how this rank runs.

    Raises:
        WorldSizeError: the launcher did not connect the ranks.
        DivergedError: the loss is not finite.
        PreemptedError: SIGTERM came; the state is saved.
        RankLostError: another rank ended or hangs.
        SlidemillError: what the method raises.
    """
    stop = StopRequest()
    stop.listen()
    ranks.connect(setup.expect_ranks, stall_seconds=parameters.stall_seconds)
    _log_of_rank(setup.log_folder)
    configure(setup.threads)
    tf.config.experimental.enable_op_determinism()
    with Tracker(setup.tracking if ranks.is_first() else None) as tracker:
        with Watchdog(parameters.stall_seconds) as watchdog, ranks.exchange():
            training = _Training.of(method(watchdog.report), outputs, parameters, stop, watchdog, tracker)
            training.resume()
            training.run()
        if ranks.is_first():
            training.write()
            tracker.keep(outputs.model, training.method.description, *training.method.tracked_files, outputs.history)


@dataclass(frozen=True, slots=True)
class _Training:
    method: Method
    outputs: TrainingOutputs
    parameters: TrainingParameters
    stop: StopRequest
    watchdog: Watchdog
    tracker: Tracker
    state: TrainingState
    fingerprint: str

    @classmethod
    def of(
        cls,
        method: Method,
        outputs: TrainingOutputs,
        parameters: TrainingParameters,
        stop: StopRequest,
        watchdog: Watchdog,
        tracker: Tracker,
    ) -> "_Training":
        own = fingerprint(
            parameters,
            data_sha256=method.data_sha256,
            weights_sha256=method.weights_sha256,
            software=software("horovod"),
        )
        state = TrainingState.fresh(method, parameters)
        return cls(method, outputs, parameters, stop, watchdog, tracker, state, own)

    def resume(self) -> None:
        """Take up the state of a checkpoint, if rank 0 has a fitting one, and share it with all ranks."""
        checkpoint = None
        if ranks.is_first():
            found = [load_checkpoint(path, self.fingerprint) for path in self._checkpoints()]
            checkpoint = choose_checkpoint(*found, ranks=ranks.count())
        self.state.begin(self.method, checkpoint)
        if checkpoint:
            epochs, step = len(checkpoint.history), checkpoint.step
            _log.info("going on after epoch %d%s", epochs, f" and {step} steps" if step else "")
        self.tracker.begin(self._tracked_run(goes_on=checkpoint is not None), self.state.history)

    def run(self) -> None:
        """Run the epochs that are left."""
        if ranks.is_first():
            _log.info("%s", self.method.summary)
        for phase in Phase.all_of(self.parameters):
            end = phase.first_epoch + phase.epochs
            if len(self.state.history) < end and not self._is_exhausted():
                learning = self.method.learning(self.state.model, head_only=phase.head_only)
                self.state.enter(phase, self.parameters, learning.variables)
                loop = self._loop(phase, learning)
                while len(self.state.history) < end and not self._is_exhausted():
                    self._finish_epoch(ranks.broadcast_object(loop.run(self.state.position)))

    def write(self) -> None:
        """Write the model of the best epoch, and the history."""
        best = best_epoch(self.state.history)
        save_model(self.outputs.model, self.state.best_model(self.method), self.method.description)
        write_history(self.outputs.history, self.state.history)
        scores = (best.validation_auc, best.validation_loss)
        _log.info("%s: epoch %d, validation AUC %.4f, loss %.4f", self.outputs.model, best.epoch, *scores)

    def _finish_epoch(self, row: EpochRow) -> None:
        self.state.finish_epoch(row)
        self._save(self.outputs.checkpoint, self.state.position)
        if ranks.is_first():
            self.outputs.step_checkpoint.unlink(missing_ok=True)
            scores = (row.train_loss, row.train_accuracy, row.validation_loss, row.validation_accuracy)
            _log.info(_EPOCH_LINE, row.epoch, self.parameters.epochs, *scores, row.validation_auc)
            self.tracker.report(self.state.history)
        self.watchdog.report()

    def _is_exhausted(self) -> bool:
        chosen = self.parameters
        decision = is_exhausted(self.state.history, patience=chosen.patience, frozen_epochs=chosen.frozen_epochs)
        return bool(ranks.broadcast_object(decision))

    def _is_due(self, steps: int) -> bool:
        every = self.parameters.checkpoint_steps
        return every is not None and steps % every == 0

    def _save_inside_epoch(self, position: Position, stopping: int) -> None:
        self._save(self.outputs.step_checkpoint, position)
        if stopping:
            ranks.gathered_objects(None)  # the first rank that exits ends the others: not before the file is there
            raise PreemptedError(position.epoch + 1, position.step)

    def _save(self, path: Path, position: Position) -> None:
        checkpoint = self.state.capture(self.fingerprint, position)
        if ranks.is_first():
            save_checkpoint(path, checkpoint)

    def _checkpoints(self) -> tuple[Path, Path]:
        return self.outputs.checkpoint, self.outputs.step_checkpoint

    def _loop(self, phase: Phase, learning: Learning) -> EpochLoop:
        chosen, method, state = self.parameters, self.method, self.state
        epochs = range(state.position.epoch, phase.first_epoch + phase.epochs)
        step = train_step(learning, state.optimizer, accumulation=chosen.accumulation, compression=chosen.compression)
        return EpochLoop(
            model=state.model,
            train_step=step,
            validation_step=validation_step(method.scoring(state.model)),
            batches=method.train_batches(epochs, skipped=state.position.step),
            validation=method.validation_batches(),
            schedule=self._schedule(phase),
            first_epoch=phase.first_epoch,
            signals=Signals(
                stopping=self.stop.came,
                moves=self.watchdog.report,
                learned=self.tracker.report_step,
                is_due=self._is_due,
                save=self._save_inside_epoch,
            ),
            examples=method.examples,
        )

    def _schedule(self, phase: Phase) -> LearningRateSchedule:
        chosen = self.parameters
        return LearningRateSchedule(
            learning_rate=chosen.learning_rate,
            batches_per_step=self.method.batches_per_step,
            steps_per_epoch=self.method.steps_per_epoch,
            epochs=phase.epochs,
            warm_up_epochs=chosen.warm_up_epochs,
            decay=chosen.decay,
            decay_epochs=chosen.decay_epochs,
            decay_factor=chosen.decay_factor,
        )

    def _tracked_run(self, *, goes_on: bool) -> TrackedRun:
        return TrackedRun(
            name=f"{self.method.name} {self.fingerprint[:8]}",
            fingerprint=self.fingerprint,
            goes_on=goes_on,
            parameters={
                **asdict(self.parameters),
                **self.method.tracked_parameters,
                "classes": ", ".join(self.method.classes),
            },
            tags={
                "slidemill.ranks": str(ranks.count()),
                "slidemill.training_data_sha256": self.method.data_sha256,
                **{f"version.{name}": number for name, number in software("horovod").items()},
            },
        )


def _log_of_rank(folder: Path | None) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(folder / f"rank-{ranks.rank()}.log", mode="w")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logging.getLogger().addHandler(handler)
