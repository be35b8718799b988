"""What the bodies of requests say: the tiles in them, whatever form they have."""

from dataclasses import dataclass

from slidemill.serving.refusals import RefusedError

IMAGE_TYPES = ("image/jpeg", "image/png")


@dataclass(frozen=True, slots=True)
class TileRequest:
    """Tiles to score.

    Attributes:
        images: JPEG or PNG, each.
    """

    images: tuple[bytes, ...]


def parse_body(content_type: str, body: bytes) -> TileRequest:
    """Find the tiles of a body.

    Args:
        content_type: as its header says.
        body: all of it.

    Raises:
        RefusedError: it is none of the forms that are taken, or is damaged.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in IMAGE_TYPES:
        return TileRequest((body,))
    raise RefusedError(
        415, f"bodies of Content-Type {kind[:100] or 'none'!r} are not taken; send {', '.join(IMAGE_TYPES)}"
    )
