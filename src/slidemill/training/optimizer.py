"""The optimizers."""

from slidemill.training.backend import keras
from slidemill.training.parameters import OptimizerName, TrainingParameters

_NOT_DECAYED = ("bias", "gamma", "beta")
_BUILDERS = {
    "adam": keras.optimizers.Adam,
    "sgd": lambda **options: keras.optimizers.SGD(momentum=0.9, nesterov=True, **options),
    "rmsprop": keras.optimizers.RMSprop,
}


def build_optimizer(parameters: TrainingParameters, weights: list[keras.Variable]) -> keras.Optimizer:
    """Build the chosen optimizer for weights; its learning rate is set before each step.

    Gradients are clipped after they were averaged over the ranks. With float16 the loss is scaled up, so that small
    gradients do not vanish, and a step whose gradients overflow is left out, on all ranks alike.
    """
    name: OptimizerName = parameters.optimizer
    optimizer = _BUILDERS[name](
        learning_rate=parameters.learning_rate,
        global_clipnorm=parameters.clip_norm,
        weight_decay=parameters.weight_decay or None,
    )
    if parameters.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=list(_NOT_DECAYED))
    if parameters.precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(weights)
    return optimizer
