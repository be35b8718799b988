"""Where slides lie that clients may ask for: below a folder, or below a place in S3."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from slidemill.errors import ConfigError
from slidemill.locations import is_address, location_problem
from slidemill.web.refusals import RefusedError

_MISSING = {"404", "NoSuchKey", "NotFound", "403", "AccessDenied"}  # S3 says the latter where one may not list


class SlidePlaces(Protocol):
    """Slides that clients may ask for."""

    def find(self, asked: str) -> AbstractContextManager[Path]:
        """The file of a slide, which is there while the context lasts.

        Args:
            asked: its place, as the client says.

        Raises:
            RefusedError: there is none; what lies outside is not told of.
        """


@dataclass(frozen=True, slots=True)
class SlideFolder:
    """Slides below a folder.

    Attributes:
        root: the folder; None where no slide is scored by its place.
    """

    root: Path | None

    def find(self, asked: str) -> AbstractContextManager[Path]:
        """A file below the folder, whatever links lie there."""
        if self.root is None:
            raise RefusedError(403, "this service was started without a folder of slides; send tiles")
        root = self.root.resolve()
        try:
            path = (root / asked).resolve()
            is_there = path.is_relative_to(root) and path.is_file()
        except (OSError, ValueError, RuntimeError):
            is_there = False
        if not is_there:
            raise RefusedError(404, "slide: there is no such file below the folder of slides")
        return nullcontext(path)


class SlideBucket:
    """Slides below a place in S3, each copied to a disk while it is scored."""

    def __init__(self, address: str, *, scratch: Path | None = None) -> None:
        """Open a client, with the credentials of the machine.

        Args:
            address: s3://BUCKET/FOLDER.
            scratch: folder for the copies; None for the system's.

        Raises:
            ConfigError: the address is none.
        """
        import boto3

        if problem := location_problem(address):
            raise ConfigError(f"serving.slides: {address} {problem}.")
        self._bucket, _, folder = address.removeprefix("s3://").partition("/")
        self._prefix = folder.rstrip("/") + "/"
        self._scratch = Path(tempfile.gettempdir()) if scratch is None else scratch
        self._s3: Any = boto3.client("s3")

    def find(self, asked: str) -> AbstractContextManager[Path]:
        """An object below the place: its whole address, or what follows that of the place."""
        from botocore.exceptions import BotoCoreError, ClientError

        own = f"s3://{self._bucket}/{self._prefix}"
        if is_address(asked) and not asked.startswith(own):
            raise self._nothing()
        key = self._prefix + asked.removeprefix(own)
        name = PurePosixPath(key).name
        if not name or "\0" in key or key.endswith("/") or name in (".", ".."):
            raise self._nothing()
        try:
            size = self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise self._nothing() from None
            raise RefusedError(502, "slide: the storage does not answer") from None
        except UnicodeError:
            raise self._nothing() from None
        except BotoCoreError:
            raise RefusedError(502, "slide: the storage does not answer, or takes no such name") from None
        if size > shutil.disk_usage(self._scratch).free:
            raise RefusedError(413, f"slide: {size} bytes are more than there is room for")
        return self._copied(key, name)

    @contextmanager
    def _copied(self, key: str, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._scratch, prefix="slidemill-") as folder:
            path = Path(folder) / name
            self._s3.download_file(self._bucket, key, str(path))
            yield path

    @staticmethod
    def _nothing() -> RefusedError:
        return RefusedError(404, "slide: there is no such object below the place of slides")


def slide_places(place: str | None) -> SlidePlaces:
    """The slides below a folder or s3://BUCKET/FOLDER; none for None.

    Raises:
        ConfigError: the address is none.
    """
    if place is not None and is_address(place):
        return SlideBucket(place)
    return SlideFolder(None if place is None else Path(place))
