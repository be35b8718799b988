import pytest

from slidemill.training.history import EpochRow, best_epoch, is_exhausted, write_history


def row(epoch, validation_loss, auc=float("nan")):
    return EpochRow(epoch, 0.001, 1 / 3, 0.5, validation_loss, 0.75, auc)


def test_best_epoch_is_the_first_with_the_highest_auc_and_then_the_lowest_loss():
    rows = [row(1, 0.1, 0.8), row(2, 0.5, 0.9), row(3, 0.2, 0.9), row(4, 0.2, 0.9), row(5, 0.1, 0.7)]
    assert best_epoch(rows) is rows[2]


def test_without_an_auc_the_loss_decides():
    rows = [row(1, 0.5), row(2, 0.2), row(3, 0.2), row(4, 0.9)]
    assert best_epoch(rows) is rows[1]


@pytest.mark.parametrize(
    ("patience", "frozen", "ends"), [(None, 0, None), (1, 0, 3), (2, 0, 4), (3, 0, None), (1, 3, 4), (1, 4, None)]
)
def test_training_is_exhausted_after_epochs_without_a_better_one(patience, frozen, ends):
    rows = [row(epoch, 0.5, auc) for epoch, auc in enumerate([0.7, 0.8, 0.8, 0.75], 1)]
    stops = [n for n in range(len(rows) + 1) if is_exhausted(rows[:n], patience=patience, frozen_epochs=frozen)]
    assert (stops or [None])[0] == ends


def test_table_has_a_header_and_a_row_an_epoch(tmp_path):
    path = tmp_path / "history.tsv"
    write_history(path, [row(1, 0.5, 0.9), row(2, 0.25)])
    header, *lines = path.read_text().splitlines()
    assert header.split("\t")[:3] == ["epoch", "learning_rate", "train_loss"]
    assert lines == ["1\t0.001\t0.333333\t0.5\t0.5\t0.75\t0.9", "2\t0.001\t0.333333\t0.5\t0.25\t0.75\tnan"]
