"""What a file is that no reader knows: its kind by its first bytes or its name, and what to do with it."""

from pathlib import Path

_CONVERT = "Convert it: bfconvert -tilex 512 -tiley 512 SLIDE NEW.ome.tiff (Bio-Formats), or leave the slide out."
_AS_PNG = "Save it as PNG, or in tiles (vips tiffsave SLIDE NEW.tif --tile --pyramid --compression jpeg --bigtiff)."
_UNPACK = "Unpack it, and name the slide in it."

# First bytes, what such a file is, what to do.
_BY_HEAD: tuple[tuple[bytes, str, str], ...] = (
    (b"\xda\xce\xbe\x0a", "a Nikon ND2 file", _CONVERT),
    (b"\x70\x00\x00\x00", "a Leica LIF file", _CONVERT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Zeiss ZVI file or another OLE container", _CONVERT),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Imaris writes them", _CONVERT),
    (b"<DataObject ObjectType", "a Philips iSyntax file", "Export it as TIFF from Philips' software, or leave it out."),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 file", _AS_PNG),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 codestream", _AS_PNG),
    (b"BM", "a BMP picture", _AS_PNG),
    (b"GIF8", "a GIF picture", _AS_PNG),
    (b"%PDF", "a PDF document", "Name the slide itself."),
    (b"PK\x03\x04", "a zip archive", _UNPACK),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
)
# What begins as another kind of file, of which a reader would take a part for the whole.
_NEVER_READ: dict[str, tuple[str, str]] = {
    ".vsi": ("an Olympus VSI file", _CONVERT),
    ".isyntax": ("a Philips iSyntax file", "Export it as TIFF from Philips' software, or leave it out."),
}
_BY_NAME: dict[str, tuple[str, str]] = {
    ".mrxs": (
        "a MIRAX file without its folder",
        "Put the folder of the same name, with Slidedat.ini in it, beside it.",
    ),
    ".vms": ("a Hamamatsu VMS file without its JPEG files", "Put the files that it names beside it."),
    ".zarr": ("an OME-Zarr", _CONVERT),
}
FOLDER = ("a folder", "Name a file: the .mrxs of a MIRAX slide, one of the .dcm files of a DICOM slide.")
_DICOM = (
    "a DICOM file that is no whole-slide image in brightfield, or without the other files of its series",
    "Put all files of the series into one folder.",
)
_DICOM_MARK = slice(128, 132)


def never_read(path: Path) -> tuple[str, str] | None:
    """What a file is that no reader may try, by its name, and what to do with it; None for all others."""
    return _NEVER_READ.get(path.suffix.lower())


def known_kind(path: Path, head: bytes) -> tuple[str, str] | None:
    """What a file is that no reader knows, and what to do with it; None where neither name nor first bytes tell.

    Args:
        path: of the file.
        head: its first 512 bytes.
    """
    if (named := _BY_NAME.get(path.suffix.lower())) is not None:
        return named
    if head[_DICOM_MARK] == b"DICM":
        return _DICOM
    return next(((kind, advice) for start, kind, advice in _BY_HEAD if head.startswith(start)), None)


def is_plain_picture(head: bytes) -> bool:
    """Whether a file begins as PNG or JPEG."""
    return head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))
