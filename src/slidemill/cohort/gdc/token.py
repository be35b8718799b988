"""The token for files of controlled access: read from a file, never printed, logged or put on a command line."""

import stat
from pathlib import Path

from slidemill.cohort.gdc.errors import TokenError


def read_token(path: Path) -> str:
    """Read the token that the GDC data portal gave.

    Raises:
        TokenError: the file is missing, others may read it, or it does not hold one line of text.
    """
    try:
        mode = path.stat().st_mode
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise TokenError(f"{path}: the token file cannot be read ({error.strerror}). Correct its path.") from None
    except UnicodeDecodeError:
        token = ""
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise TokenError(f"{path}: others may read the token. Run: chmod 600 {path}")
    if not token or not token.isprintable() or " " in token:
        raise TokenError(f"{path}: does not hold a token. Download one from the GDC data portal.")
    return token
