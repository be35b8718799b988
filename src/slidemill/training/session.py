"""One training, from a shard plan to a model file, on one of the ranks."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from slidemill.training import ranks
from slidemill.training.augment import Augmentation
from slidemill.training.backend import configure, tf
from slidemill.training.checkpoint import choose_checkpoint, fingerprint, load_checkpoint, save_checkpoint
from slidemill.training.description import ModelDescription
from slidemill.training.history import EpochRow, best_epoch, is_exhausted, write_history
from slidemill.training.input import epoch_seed, train_batches, validation_batches
from slidemill.training.loop import EpochLoop, Position, Signals
from slidemill.training.mlflow_run import TrackedRun
from slidemill.training.model_file import save_model
from slidemill.training.parameters import RankSetup, TrainingOutputs, TrainingParameterError, TrainingParameters
from slidemill.training.plan import ShardPlan, ShardSet, read_plan
from slidemill.training.preemption import PreemptedError, StopRequest
from slidemill.training.schedule import LearningRateSchedule
from slidemill.training.source import FifoShards, FileShards, Shards
from slidemill.training.state import Phase, TrainingState, software, weights_sha256
from slidemill.training.step import Loss, StepOptions, class_weights, train_step, validation_step
from slidemill.training.tiles import TileShape
from slidemill.training.tracking import Tracker
from slidemill.training.watchdog import Watchdog

_log = logging.getLogger(__name__)

_EPOCH_LINE = "epoch %d/%d: train loss %.4f, accuracy %.4f; validation loss %.4f, accuracy %.4f, AUC %.4f"


def train(plan_file: Path, outputs: TrainingOutputs, parameters: TrainingParameters, setup: RankSetup) -> None:
    """Train on this rank's shards together with the other ranks; rank 0 writes the model and its history.

    Where `outputs` has a checkpoint of this very training (same shards, parameters and software) it goes on from there:
    on as many ranks to the same weights as a training that was never interrupted, on another number of ranks from the
    last finished epoch.

    Args:
        plan_file: shards/plan.json, the shards beside it.
        outputs: files to write.
        parameters: how to train.
        setup: how this rank runs.

    Raises:
        WorldSizeError: the launcher did not connect the ranks.
        ShardPlanError: the plan is missing, damaged, or its shards cannot be shared among the ranks.
        ShardDataError: a shard is missing, damaged or shorter than planned.
        ArchitectureError: the architecture is unknown or cannot take the input size.
        WeightsError: the weights file does not fit the architecture.
        DivergedError: the loss is not finite.
        PreemptedError: SIGTERM came; the state is saved.
        RankLostError: another rank ended or hangs.
    """
    stop = StopRequest()
    stop.listen()
    ranks.connect(setup.expect_ranks, stall_seconds=parameters.stall_seconds)
    _log_of_rank(setup.log_folder)
    configure(setup.threads)
    tf.config.experimental.enable_op_determinism()
    with Tracker(setup.tracking if ranks.is_first() else None) as tracker:
        with Watchdog(parameters.stall_seconds) as watchdog, ranks.exchange():
            plan = read_plan(plan_file, ranks=setup.expect_ranks)
            _check_crop(plan, parameters)
            training = _Training.of(plan, outputs, parameters, setup, stop, watchdog, tracker)
            training.resume()
            training.run()
        if ranks.is_first():
            training.write()
            tracker.keep(outputs.model, training.description(), plan_file, outputs.history)


@dataclass(frozen=True, slots=True)
class _Training:
    plan: ShardPlan
    outputs: TrainingOutputs
    parameters: TrainingParameters
    setup: RankSetup
    stop: StopRequest
    watchdog: Watchdog
    tracker: Tracker
    state: TrainingState
    train_shards: Shards
    validation_shards: Shards
    fingerprint: str

    @classmethod
    def of(
        cls,
        plan: ShardPlan,
        outputs: TrainingOutputs,
        parameters: TrainingParameters,
        setup: RankSetup,
        stop: StopRequest,
        watchdog: Watchdog,
        tracker: Tracker,
    ) -> "_Training":
        state = TrainingState.fresh(parameters, class_count=len(plan.classes))
        own = fingerprint(
            parameters,
            plan_sha256=plan.sha256,
            weights_sha256=weights_sha256(parameters),
            software=software(),
        )
        train, validation = (_shards(kind, part, setup) for kind, part in plan.parts())
        return cls(plan, outputs, parameters, setup, stop, watchdog, tracker, state, train, validation, own)

    def resume(self) -> None:
        """Take up the state of a checkpoint, if rank 0 has a fitting one, and share it with all ranks."""
        checkpoint = None
        if ranks.is_first():
            found = [load_checkpoint(path, self.fingerprint) for path in self._checkpoints()]
            checkpoint = choose_checkpoint(*found, ranks=ranks.count())
        self.state.begin(self.parameters, checkpoint)
        if checkpoint:
            epochs, step = len(checkpoint.history), checkpoint.step
            _log.info("going on after epoch %d%s", epochs, f" and {step} steps" if step else "")
        self.tracker.begin(self._tracked_run(goes_on=checkpoint is not None), self.state.history)

    def run(self) -> None:
        """Run the epochs that are left."""
        if ranks.is_first():
            tiles = (part.of_rank(0, ranks.count()).tiles for _, part in self.plan.parts())
            _log.info("%d ranks with %d tiles to train on and %d to validate on each", ranks.count(), *tiles)
        for phase in Phase.all_of(self.parameters):
            end = phase.first_epoch + phase.epochs
            if len(self.state.history) < end and not self._is_exhausted():
                self.state.enter(phase, self.parameters)
                loop = self._loop(phase)
                while len(self.state.history) < end and not self._is_exhausted():
                    self._finish_epoch(ranks.broadcast_object(loop.run(self.state.position)))

    def write(self) -> None:
        """Write the model of the best epoch, and the history."""
        best = best_epoch(self.state.history)
        model = self.state.best_model(self.parameters, class_count=len(self.plan.classes))
        save_model(self.outputs.model, model, self.description())
        write_history(self.outputs.history, self.state.history)
        scores = (best.validation_auc, best.validation_loss)
        _log.info("%s: epoch %d, validation AUC %.4f, loss %.4f", self.outputs.model, best.epoch, *scores)

    def description(self) -> ModelDescription:
        """What the model file says of the model."""
        return ModelDescription(
            architecture=self.parameters.architecture,
            classes=self.plan.classes,
            tile_size_px=self.plan.tile_size,
            tile_mpp=self.plan.tile_mpp,
            input_size_px=self.parameters.input_size,
            input_fit=self.parameters.input_fit,
            training_data_sha256=self.plan.sha256,
            versions=software(),
        )

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

    def _after_step(self, position: Position, stopping: int) -> None:
        self.watchdog.report()
        every = self.parameters.checkpoint_steps
        due = every and position.step < self._steps_per_epoch() and position.step % every == 0
        if due or stopping:
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

    def _tiles_per_step(self) -> int:
        tiles = self.plan.train.of_rank(0, ranks.count()).tiles
        batch = min(self.parameters.batch_size * self.parameters.accumulation, tiles)
        return batch // self.parameters.accumulation * self.parameters.accumulation

    def _steps_per_epoch(self) -> int:
        return self.plan.train.of_rank(0, ranks.count()).tiles // self._tiles_per_step()

    def _loop(self, phase: Phase) -> EpochLoop:
        chosen, plan, state = self.parameters, self.plan, self.state
        shape = TileShape(stored=plan.tile_size, model=chosen.input_size, fit=chosen.input_fit)
        batches = train_batches(
            self.train_shards,
            shape,
            epoch_seeds=[
                epoch_seed(chosen.seed, epoch=epoch, rank=ranks.rank())
                for epoch in range(state.position.epoch, phase.first_epoch + phase.epochs)
            ],
            skipped=state.position.step,
            tiles=plan.train.of_rank(0, ranks.count()).tiles,
            batch_size=self._tiles_per_step(),
            threads=self.setup.threads,
        )
        validation = validation_batches(
            self.validation_shards,
            shape,
            tiles=plan.validation.of_rank(0, ranks.count()).tiles,
            batch_size=chosen.batch_size,
            threads=self.setup.threads,
        )
        options = StepOptions(
            Loss(chosen.label_smoothing, class_weights(chosen.class_weights, plan.class_tiles)),
            Augmentation(chosen.colour_jitter),
            chosen.accumulation,
            chosen.compression,
            phase.head_only,
        )
        return EpochLoop(
            model=state.model,
            train_step=train_step(state.model, state.optimizer, shape, options),
            validation_step=validation_step(state.model, shape),
            batches=iter(batches),
            validation=validation,
            schedule=self._schedule(phase),
            first_epoch=phase.first_epoch,
            signals=Signals(self.stop.came, self.tracker.report_step, self._after_step),
        )

    def _schedule(self, phase: Phase) -> LearningRateSchedule:
        chosen = self.parameters
        return LearningRateSchedule(
            learning_rate=chosen.learning_rate,
            ranks=ranks.count(),
            steps_per_epoch=self._steps_per_epoch(),
            epochs=phase.epochs,
            warm_up_epochs=chosen.warm_up_epochs,
            decay=chosen.decay,
            decay_epochs=chosen.decay_epochs,
            decay_factor=chosen.decay_factor,
        )

    def _tracked_run(self, *, goes_on: bool) -> TrackedRun:
        return TrackedRun(
            name=f"{self.parameters.architecture} {self.fingerprint[:8]}",
            fingerprint=self.fingerprint,
            goes_on=goes_on,
            parameters=asdict(self.parameters) | {"classes": ", ".join(self.plan.classes)},
            tags={
                "slidemill.ranks": str(ranks.count()),
                "slidemill.training_data_sha256": self.plan.sha256,
                **{f"version.{name}": number for name, number in software().items()},
            },
        )


def _shards(kind: str, part: ShardSet, setup: RankSetup) -> Shards:
    if setup.fifo_folder is None:
        return FileShards(part.of_rank(ranks.rank(), ranks.count()).files)
    return FifoShards.of([setup.fifo_folder / f"{kind}_{ranks.local_rank()}"])


def _check_crop(plan: ShardPlan, parameters: TrainingParameters) -> None:
    if parameters.input_fit == "crop" and parameters.input_size > plan.tile_size:
        expected = f"at most {plan.tile_size}, the side of the tiles, to crop from them"
        raise TrainingParameterError("input_size", parameters.input_size, expected)


def _log_of_rank(folder: Path | None) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(folder / f"rank-{ranks.rank()}.log", mode="w")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logging.getLogger().addHandler(handler)
