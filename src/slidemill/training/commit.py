"""The commit of the sources that train, where they are a git checkout."""

import subprocess
from pathlib import Path

_FOLDER = Path(__file__).parent


def source_commit() -> dict[str, str]:
    """MLflow's tag for the commit, and whether files were changed since; empty where slidemill was installed."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)  # not of a checkout around the environment
        commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"mlflow.source.git.commit": commit, "slidemill.uncommitted_changes": str(bool(changes)).lower()}


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_FOLDER), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=10).stdout.strip()
