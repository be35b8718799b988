"""The address of a GDC server, as far as it can be judged without asking it."""

import re
from urllib.parse import urlsplit

from slidemill.cohort.gdc.errors import GdcError, TokenError

GDC = "https://api.gdc.cancer.gov"

_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")


def check_address(url: str, *, with_token: bool) -> None:
    """Check that an address is a server's and, where a token is sent there, that it travels encrypted.

    Raises:
        GdcError: it is no address.
        TokenError: the token could be read on its way.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise GdcError(f"server '{url}': expected an address such as {GDC}. Correct acquire.server.")
    if with_token and parts.scheme != "https" and not _LOOPBACK.fullmatch(host):
        raise TokenError(f"server '{url}' is not encrypted: no token is sent there. Use https.")
