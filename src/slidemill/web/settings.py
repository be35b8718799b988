"""What a service is told when it starts."""

import os
from dataclasses import dataclass, field, replace

from slidemill.errors import ConfigError

TOKEN_VARIABLE = "SLIDEMILL_TOKEN"  # noqa: S105 - a name
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a service takes of its clients before it refuses; nothing that they send goes beyond these.

    Attributes:
        body_bytes: of one request.
        bag_bytes: of one request to a model that takes all tiles of a slide together; as SageMaker's asynchronous ones.
        bytes_in_flight: of the bodies of all requests together; at least those of one.
        requests: at work or waiting at once.
        tiles: of one request.
        waiting_tiles: decoded, and not yet scored, of all requests together.
        header_bytes: of a request's first line and headers.
        connections: open at once.
        header_seconds: for a request's first line and headers to arrive, from the first byte or the connection.
        body_seconds: for a request's body to arrive.
        bag_seconds: the same for a model that takes all tiles of a slide together.
        answer_seconds: from a request's first byte to its answer, for slides as well.
        retry_after_seconds: what a client is told that comes when the service is full.
    """

    body_bytes: int = 100_000_000
    bag_bytes: int = 1 << 30
    bytes_in_flight: int = 400_000_000
    requests: int = 64
    tiles: int = 100_000
    waiting_tiles: int = 256
    header_bytes: int = 32_768
    connections: int = 512
    header_seconds: float = 10.0
    body_seconds: float = 60.0
    bag_seconds: float = 600.0
    answer_seconds: float = 3600.0
    retry_after_seconds: int = 1

    def of_bags(self) -> "Limits":
        """Those of a service whose requests have all tiles of a slide."""
        in_flight = max(self.bytes_in_flight, self.bag_bytes)
        return replace(self, body_bytes=self.bag_bytes, bytes_in_flight=in_flight, body_seconds=self.bag_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a service listens, and to whom.

    Attributes:
        host: address to listen at; loopback is reached from this machine only.
        port: to listen at; 0 for any that is free.
        token: which clients have to send as `Authorization: Bearer TOKEN`; None for none.
        limits: of requests and connections.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the service."""
        return self.host in LOOPBACK


def token_of_environment() -> str | None:
    """The token that the environment has; it is no argument, because those are seen by all users of a machine.

    Raises:
        ConfigError: it is none that a header can hold.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    return None if token is None else checked_token(token)


def checked_token(token: str) -> str:
    """The token, if a header can hold it.

    Raises:
        ConfigError: it is empty, or more than a word of ASCII characters.
    """
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError("the token has to be a word of ASCII characters.")
    return token
