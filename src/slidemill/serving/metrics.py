"""What a service counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_TILES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "slidemill_requests", "Requests that were answered.", ("path", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "slidemill_request_seconds",
            "From a request's headers to its answer.",
            ("path",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._tiles = Counter("slidemill_tiles", "Tiles that were scored.", registry=self._registry)
        self._batches = Histogram(
            "slidemill_batch_tiles", "Tiles that were scored at once.", buckets=_TILES, registry=self._registry
        )
        self._waiting = Gauge(
            "slidemill_waiting_tiles", "Tiles that wait or are being scored.", registry=self._registry
        )
        self._in_flight = Gauge(
            "slidemill_requests_in_flight", "Requests that are not answered yet.", registry=self._registry
        )

    def watch(self, *, waiting_tiles: Callable[[], float], requests_in_flight: Callable[[], float]) -> None:
        """Ask these whenever somebody asks."""
        self._waiting.set_function(waiting_tiles)
        self._in_flight.set_function(requests_in_flight)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)

    def count_batch(self, tiles: int) -> None:
        """A batch was scored."""
        self._tiles.inc(tiles)
        self._batches.observe(tiles)

    def text(self) -> bytes:
        """All of them in Prometheus' format."""
        return generate_latest(self._registry)
