import pytest

from slidemill.training.parameters import TrainingParameterError, TrainingParameters

GOOD = {
    "architecture": "small_cnn",
    "input_size": 128,
    "epochs": 8,
    "batch_size": 16,
    "learning_rate": 0.001,
    "seed": 1,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [("input_size", 0), ("epochs", 0), ("batch_size", -1), ("learning_rate", 0.0), ("learning_rate", float("nan"))],
)
def test_a_value_out_of_range_is_refused_by_its_name_in_the_config(name, value):
    with pytest.raises(TrainingParameterError, match=f"training.{name} is {value}"):
        TrainingParameters(**GOOD | {name: value})
