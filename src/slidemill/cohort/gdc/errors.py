"""What can go wrong between here and the GDC.

GdcError
  ServerUnavailableError   says nothing of any one file: the run stops
  NoSpaceError             the same
  TokenError               the same
  DownloadError            this file could not be had: it is set aside, or the run stops
    RefusedError           the server will not give it, however often it is asked
    TransientError         worth another try
"""

from slidemill.errors import SlidemillError


class GdcError(SlidemillError):
    """The GDC, or the way to it, failed."""


class ServerUnavailableError(GdcError):
    """The server cannot be reached, or is down as a whole."""


class NoSpaceError(GdcError):
    """The disk has no room for a file."""


class TokenError(GdcError):
    """A token file that is missing, unsafe or empty."""


class DownloadError(GdcError):
    """One file could not be had."""


class RefusedError(DownloadError):
    """An answer that asking again will not change."""


class TransientError(DownloadError):
    """A failure that may be gone at the next try.

    Attributes:
        wait_s: how long the server asked to wait before it, 0 when it did not.
    """

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message, wait_s)
        self.message = message
        self.wait_s = wait_s

    def __str__(self) -> str:
        return self.message
