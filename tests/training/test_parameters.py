import pytest

from slidemill.training.parameters import TrainingParameterError, TrainingParameters

GOOD = {
    "epochs": 8,
    "batch_size": 16,
    "learning_rate": 0.001,
    "seed": 1,
}


NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", -1),
        ("accumulation", 0),
        ("learning_rate", 0.0),
        ("learning_rate", NAN),
        ("frozen_epochs", 8),
        ("label_smoothing", -0.1),
        ("clip_norm", 0.0),
        ("decay_epochs", 0.0),
        ("decay_factor", 1.5),
        ("warm_up_epochs", -1.0),
        ("patience", 0),
        ("checkpoint_steps", 0),
        ("stall_seconds", 0),
        ("optimizer", "adagrad"),
        ("precision", "float64"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name_in_the_config(name, value):
    with pytest.raises(TrainingParameterError, match=rf"training\.{name} is {value}"):
        TrainingParameters(**GOOD | {name: value})
