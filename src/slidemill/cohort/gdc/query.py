"""Which files the GDC has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slidemill.cohort.gdc.errors import GdcError
from slidemill.cohort.gdc.files import GdcFile
from slidemill.cohort.gdc.selection import all_of
from slidemill.cohort.gdc.server import GdcServer

_FIELDS = ("file_id", "file_name", "md5sum", "file_size", "cases.project.project_id", "cases.samples.tissue_type")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file, and what is known of it besides its name.

    Attributes:
        file: to download.
        project: such as "TCGA-LUAD"; None where nobody says it.
        tissue_type: "Tumor" or "Normal" where the GDC says it.
    """

    file: GdcFile
    project: str | None
    tissue_type: str | None = None


def query_files(server: GdcServer, filters: Mapping[str, Any]) -> list[ListedFile]:
    """Ask for all files that pass the filters, page by page, in order of file_id.

    Raises:
        ServerUnavailableError: the server does not answer.
        GdcError: the pages do not make a whole.
    """
    found: dict[str, ListedFile] = {}
    total = None
    while total is None or len(found) < total:
        page = _page(server, filters, first=len(found))
        total, hits = page["pagination"]["total"], page["hits"]
        found |= {hit["file_id"]: _listed(hit) for hit in hits}
        if not hits:
            break
    if len(found) != total:
        raise GdcError(f"{server.url} listed {len(found)} of {total} files: they changed meanwhile. Ask again.")
    return [found[file_id] for file_id in sorted(found)]


def query_ids(server: GdcServer, file_ids: Sequence[str]) -> Iterator[ListedFile]:
    """Ask for files by their UUIDs; those that the server does not know are left out."""
    for first in range(0, len(file_ids), _PAGE):
        yield from query_files(server, all_of({"files.file_id": file_ids[first : first + _PAGE]}))


def _page(server: GdcServer, filters: Mapping[str, Any], first: int) -> Any:
    question = {
        "filters": filters,
        "fields": ",".join(_FIELDS),
        "format": "JSON",
        "sort": "file_id:asc",
        "from": first,
        "size": _PAGE,
    }
    return server.ask("/files", question)["data"]


def _listed(hit: Mapping[str, Any]) -> ListedFile:
    cases = hit.get("cases", [])
    projects = {case["project"]["project_id"] for case in cases if "project" in case}
    tissue_types = {sample.get("tissue_type") for case in cases for sample in case.get("samples", [])}
    return ListedFile(
        file=GdcFile(hit["file_id"], hit["file_name"], hit["md5sum"], hit["file_size"]),
        project=projects.pop() if len(projects) == 1 else None,
        tissue_type=tissue_types.pop() if len(tissue_types) == 1 else None,
    )
