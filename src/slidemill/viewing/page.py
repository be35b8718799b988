"""The page: files of the package, found by name among those that there are."""

from pathlib import Path

from fastapi import Request, Response

from slidemill.viewing.answers import checked_again
from slidemill.web.refusals import RefusedError

FOLDER = Path(__file__).with_name("page")
_INDEX = "index.html"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
_NO_PAGE = (
    b"<!doctype html><title>slidemill</title><p>This server answers programs; the page is not part of this package."
)


class Page:
    """Answers with files of the page.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._files: dict[str, Path] = {}

    def answer(self, request: Request, name: str) -> Response:
        """A file, by its place in the folder; without a name the index.

        Raises:
            RefusedError: there is none.
        """
        name = name or _INDEX
        if name not in self._files:
            self._files = {str(path.relative_to(self._folder)): path for path in self._folder.rglob("*")}
        path = self._files.get(name)
        kind = _KINDS.get(path.suffix) if path else None
        if path is None or kind is None or not path.is_file():
            if name == _INDEX:
                return checked_again(request, _NO_PAGE, _KINDS[".html"])
            raise RefusedError(404, "there is nothing of that name")
        return checked_again(request, path.read_bytes(), kind)
