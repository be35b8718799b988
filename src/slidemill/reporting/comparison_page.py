"""The page on how two runs differ."""

from pathlib import Path
from typing import Any

import slidemill
from slidemill.atomic import write_text
from slidemill.evaluation.comparison import compare, read_evaluation, write_comparison
from slidemill.reporting.page_templates import page_templates
from slidemill.reporting.palette import class_colour

_NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "cohen_kappa": "Cohen's kappa",
    "quadratic_kappa": "Quadratic kappa",
    "f1_macro": "F1, macro",
    "auc_macro": "AUC, macro",
    "auc": "AUC",
    "average_precision_macro": "Average precision, macro",
    "average_precision": "Average precision",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "log_loss": "Log loss (less is better)",
    "brier": "Brier score (less is better)",
}


def compare_runs(a: Path, b: Path, output: Path) -> list[str]:
    """Write comparison.html, comparison.json and comparison.tsv.

    Args:
        a, b: results folders of two finished runs.
        output: folder to write to.
    Returns:
        What to warn of.
    Raises:
        ComparisonError: the runs cannot be compared.
    """
    document = compare(read_evaluation(a), read_evaluation(b))
    write_comparison(document, json_path=output / "comparison.json", tsv_path=output / "comparison.tsv")
    write_text(output / "comparison.html", comparison_page(document))
    return list(document["warnings"])


def comparison_page(document: dict[str, Any]) -> str:
    """The page; it needs nothing else.

    Args:
        document: of comparison.json.
    """
    template = page_templates().get_template("comparison.html.j2")
    names = {key: _name(key) for level in ("slide", "patient") for key in document[level]}
    return template.render(
        found=document,
        classes=document["classes"],
        class_place={name: place for place, name in enumerate(document["classes"])},
        class_colours=[class_colour(place) for place in range(len(document["classes"]))],
        names=names,
        slidemill_version=slidemill.__version__,
    )


def _name(key: str) -> str:
    """Such as "AUC, LUAD" of "auc_of_LUAD"."""
    kind, _, class_name = key.partition("_of_")
    return f"{_NAMES[kind]}, {class_name}" if class_name else _NAMES[kind]
