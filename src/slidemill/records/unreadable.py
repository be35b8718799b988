"""What is said of a file of tile records that cannot be used."""

from pathlib import Path

from slidemill.errors import SlidemillError


class RecordsError(SlidemillError):
    """Tile records that cannot be read or decoded."""

    def __init__(self, records: Path, reason: str) -> None:
        super().__init__(records, reason)
        self.records = records
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.records}: missing or damaged tiles ({self.reason}). Delete the file and run again to make it anew."
        )
