import numpy as np
import pytest

from slidemill.training.backend import tf
from slidemill.training.loss import Loss, class_weights

LOGITS = np.array([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0]], np.float32)
LABELS = np.array([0, 1])


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    """TensorFlow with one thread."""


def test_loss_is_the_mean_cross_entropy():
    expected = tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, LOGITS).numpy()
    assert Loss().of(LOGITS, LABELS).numpy() == pytest.approx(expected.mean(), rel=1e-5)
    weighted = Loss(class_weights=(2.0, 0.5, 1.0)).of(LOGITS, LABELS).numpy()
    assert weighted == pytest.approx((2.0 * expected[0] + 0.5 * expected[1]) / 2, rel=1e-5)


def test_label_smoothing_spreads_a_share_of_the_label_over_all_classes():
    log_scores = tf.nn.log_softmax(LOGITS).numpy()
    expected = np.mean([0.7 * -log_scores[0, 0], 0.7 * -log_scores[1, 1]]) + 0.3 * -log_scores.mean()
    assert Loss(label_smoothing=0.3).of(LOGITS, LABELS).numpy() == pytest.approx(expected, rel=1e-5)


def test_balanced_classes_weigh_the_same_together_and_1_on_average():
    counts = (10, 30, 60)
    weights = class_weights("balanced", counts)
    shares = [weight * count for weight, count in zip(weights, counts, strict=True)]
    assert shares == pytest.approx([shares[0]] * 3)
    assert sum(shares) == pytest.approx(sum(counts))
    assert class_weights("none", counts) == ()
    assert class_weights("balanced", (10, 0, 10)) == pytest.approx((1.0, 20 / 2, 1.0))
