"""One training, from a shard plan to a model file, on one of the ranks."""

import importlib.metadata
import logging
from dataclasses import dataclass
from pathlib import Path

from slidemill import seeds
from slidemill.training import ranks
from slidemill.training.backend import configure, keras, tf
from slidemill.training.checkpoint import Arrays, Checkpoint, fingerprint, load_checkpoint, save_checkpoint
from slidemill.training.description import ModelDescription
from slidemill.training.history import EpochRow, best_epoch, write_history
from slidemill.training.input import TileShape, epoch_seed, train_batches, validation_batches
from slidemill.training.loop import EpochLoop, train_step, validation_step
from slidemill.training.model_file import save_model
from slidemill.training.models import build_model
from slidemill.training.parameters import TrainingOutputs, TrainingParameters
from slidemill.training.plan import ShardPlan, read_plan
from slidemill.training.schedule import LearningRateSchedule

_log = logging.getLogger(__name__)

_EPOCH_LINE = "epoch %d/%d: train loss %.4f, accuracy %.4f; validation loss %.4f, accuracy %.4f"

_SOFTWARE = ("slidemill", "tensorflow", "keras", "horovod")


def train(
    plan_file: Path,
    outputs: TrainingOutputs,
    parameters: TrainingParameters,
    *,
    expect_ranks: int,
    threads: int,
) -> None:
    """Train on this rank's shard together with the other ranks; rank 0 writes the model and its history.

    Where `outputs.checkpoint` is of this very training (same shards, parameters, ranks and software) it goes on from
    there, and ends with the weights of a training that was never interrupted, but for rounding.

    Args:
        plan_file: shards/plan.json, the shards beside it.
        outputs: files to write.
        parameters: how to train.
        expect_ranks: number of ranks that the launcher was asked for.
        threads: CPU threads of this rank.

    Raises:
        WorldSizeError: the launcher did not connect the ranks.
        ShardPlanError: the plan is missing, damaged, or made for another number of ranks.
        ShardDataError: a shard is missing, damaged or shorter than planned.
        ArchitectureError: the architecture is unknown or cannot take the input size.
        DivergedError: the loss is not finite.
    """
    ranks.connect(expect_ranks)
    configure(threads)
    plan = read_plan(plan_file, ranks=expect_ranks)
    training = _Training.of(plan, parameters, ranks_count=expect_ranks)
    training.resume(outputs.checkpoint)
    training.run(outputs.checkpoint, threads)
    if ranks.is_first():
        training.write(outputs)


@dataclass(slots=True)
class _Training:
    """The state of a training between two epochs.

    Attributes:
        best: values of the model's variables after the best epoch; rank 0 alone has them.
    """

    plan: ShardPlan
    parameters: TrainingParameters
    ranks_count: int
    model: keras.Model
    optimizer: keras.Optimizer
    history: list[EpochRow]
    best: Arrays

    @classmethod
    def of(cls, plan: ShardPlan, parameters: TrainingParameters, *, ranks_count: int) -> "_Training":
        keras.utils.set_random_seed(seeds.number(parameters.seed, "initial weights") % 2**32)
        model = build_model(parameters.architecture, input_size=parameters.input_size, class_count=len(plan.classes))
        optimizer = keras.optimizers.Adam(parameters.learning_rate)
        optimizer.build(model.trainable_variables)
        return cls(plan, parameters, ranks_count, model, optimizer, history=[], best=[])

    def resume(self, checkpoint_file: Path) -> None:
        """Take up the state of a checkpoint, if rank 0 has a fitting one, and share it with all ranks."""
        checkpoint = load_checkpoint(checkpoint_file, self._fingerprint()) if ranks.is_first() else None
        if checkpoint:
            _assign(self.model.variables, checkpoint.model)
            _assign(self.optimizer.variables, checkpoint.optimizer)
            self.history, self.best = list(checkpoint.history), checkpoint.best
            _log.info("going on after epoch %d of %s", len(self.history), checkpoint_file)
        ranks.broadcast(self.model.variables)
        ranks.broadcast(self.optimizer.variables)
        self.history = ranks.broadcast_object(self.history)

    def run(self, checkpoint_file: Path, threads: int) -> None:
        """Run the epochs that are left."""
        loop = self._loop(threads)
        if ranks.is_first():
            tiles = self.plan.train.tiles_per_shard, self.plan.validation.tiles_per_shard
            _log.info("%d ranks with %d tiles to train on and %d to validate on each", self.ranks_count, *tiles)
        for epoch in range(len(self.history), self.parameters.epochs):
            row = loop.run(epoch)
            self.history.append(row)
            if ranks.is_first():
                self._keep(checkpoint_file)
                _log.info(_EPOCH_LINE, row.epoch, self.parameters.epochs, *_scores(row))

    def write(self, outputs: TrainingOutputs) -> None:
        """Write the model of the best epoch, and the history."""
        best = best_epoch(self.history)
        _assign(self.model.variables, self.best)
        save_model(outputs.model, self.model, self._description())
        write_history(outputs.history, self.history)
        _log.info("%s: epoch %d, validation loss %.4f", outputs.model, best.epoch, best.validation_loss)

    def _keep(self, checkpoint_file: Path) -> None:
        model = _values(self.model.variables)
        if best_epoch(self.history) is self.history[-1]:
            self.best = model
        optimizer = _values(self.optimizer.variables)
        state = Checkpoint(self._fingerprint(), tuple(self.history), model, optimizer, self.best)
        save_checkpoint(checkpoint_file, state)

    def _loop(self, threads: int) -> EpochLoop:
        chosen, plan, rank = self.parameters, self.plan, ranks.rank()
        shape = TileShape(stored=plan.tile_size, model=chosen.input_size)
        tiles = plan.train.of_rank(rank, self.ranks_count).tiles
        batch_size = min(chosen.batch_size, tiles)
        epochs_left = range(len(self.history), chosen.epochs)
        batches = train_batches(
            plan.train.files[rank],
            shape,
            epoch_seeds=[epoch_seed(chosen.seed, epoch=epoch, rank=rank) for epoch in epochs_left],
            tiles=tiles,
            batch_size=batch_size,
            threads=threads,
        )
        return EpochLoop(
            model=self.model,
            train_step=train_step(self.model, self.optimizer),
            validation_step=validation_step(self.model),
            batches=iter(batches),
            validation=validation_batches(
                plan.validation.files[rank],
                shape,
                tiles=plan.validation.tiles_per_shard,
                batch_size=chosen.batch_size,
                threads=threads,
            ),
            schedule=LearningRateSchedule(chosen.learning_rate, self.ranks_count, tiles // batch_size, chosen.epochs),
        )

    def _fingerprint(self) -> str:
        return fingerprint(self.parameters, plan_sha256=self.plan.sha256, ranks=self.ranks_count, software=_software())

    def _description(self) -> ModelDescription:
        return ModelDescription(
            architecture=self.parameters.architecture,
            classes=self.plan.classes,
            tile_size_px=self.plan.tile_size,
            tile_mpp=self.plan.tile_mpp,
            input_size_px=self.parameters.input_size,
            versions=_software(),
        )


def _scores(row: EpochRow) -> tuple[float, float, float, float]:
    return row.train_loss, row.train_accuracy, row.validation_loss, row.validation_accuracy


def _software() -> dict[str, str]:
    installed = {"tensorflow": tf.__version__, "keras": keras.__version__}  # tensorflow may be tensorflow-cpu
    return {name: installed.get(name) or importlib.metadata.version(name) for name in _SOFTWARE}


def _values(variables: list[keras.Variable]) -> Arrays:
    return [variable.numpy() for variable in variables]


def _assign(variables: list[keras.Variable], arrays: Arrays) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
