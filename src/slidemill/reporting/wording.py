"""Numbers as the report words them; what is not computable is a dash."""

from collections.abc import Mapping, Sequence
from typing import Any

NOT_COMPUTABLE = "\N{EN DASH}"

METHOD_NAMES = {
    "mean": "mean score",
    "majority": "majority vote",
    "top_k_mean": "mean of the highest scores",
    "median": "median score",
    "maximum": "highest score",
    "heatmap_features": "heatmap classifier",
    "model": "score by the model",
}
QUADRATIC_KAPPA = ("quadratic_kappa", "Quadratic kappa")
LEVEL_COLUMNS = [
    ("accuracy", "Accuracy"),
    ("balanced_accuracy", "Balanced accuracy"),
    ("f1", "F1, macro"),
    ("cohen_kappa", "Cohen's kappa"),
    QUADRATIC_KAPPA,
    ("auc", "AUC, macro"),
    ("log_loss", "Log loss"),
    ("brier", "Brier score"),
    ("calibration_error_debiased", "Calibration error"),
]
FOLD_COLUMNS = [
    ("accuracy", "Accuracy"),
    ("balanced_accuracy", "Balanced accuracy"),
    QUADRATIC_KAPPA,
    ("f1_macro", "F1, macro"),
    ("auc_macro", "AUC, macro"),
    ("log_loss", "Log loss"),
]


def columns_of(columns: Sequence[tuple[str, str]], metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Those columns of a table for which there are numbers: the quadratic kappa is of grades alone."""
    return [column for column in columns if column != QUADRATIC_KAPPA or column[0] in metrics]


def thousands(number: int) -> str:
    """12345 as "12,345"."""
    return f"{number:,}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """1 and "slide" as "1 slide", 2 as "2 slides"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def percent(share: float | None) -> str:
    """0.7778 as "77.8%"."""
    return NOT_COMPUTABLE if share is None else f"{100 * share:.1f}%"


def decimal(value: float | None) -> str:
    """0.80370 as "0.804"."""
    return NOT_COMPUTABLE if value is None else f"{value:.3f}"


def percent_interval(estimate: Mapping[str, Any]) -> str:
    """The interval of an estimate of metrics.json, such as "50.0 to 100.0%"."""
    if estimate["interval_95"] is None:
        return NOT_COMPUTABLE
    lower, upper = estimate["interval_95"]
    return f"{100 * lower:.1f} to {100 * upper:.1f}%"


def decimal_interval(estimate: Mapping[str, Any]) -> str:
    """The interval of an estimate of metrics.json, such as "0.533 to 1.000"."""
    if estimate["interval_95"] is None:
        return NOT_COMPUTABLE
    lower, upper = estimate["interval_95"]
    return f"{lower:.3f} to {upper:.3f}"


def signed(value: float | None) -> str:
    """0.0123 as "+0.012", with a sign for what is not 0."""
    return (
        NOT_COMPUTABLE if value is None else f"{value:+.3f}".replace("+0.000", "0.000").replace("-", "\N{MINUS SIGN}")
    )


def p_value(value: float | None) -> str:
    """0.0312 as "0.031", and what is smaller than 0.001 as "< 0.001"."""
    if value is None:
        return NOT_COMPUTABLE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
