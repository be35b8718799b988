"""The resolution in the XML that OME-TIFF files carry as their description."""

from slidemill.slides.xml_text import parse_xml

_UM_PER_UNIT = {"µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6}


def ome_um_per_px(description: str) -> tuple[float, float] | None:
    """Microns per pixel along x and y of the first image; None where the text is no OME-XML or states none."""
    if "<OME" not in description[:4096]:
        return None
    root = parse_xml(description)
    pixels = None if root is None else root.find("{*}Image/{*}Pixels")
    if pixels is None:
        return None
    sides = []
    for axis in "XY":
        unit = _UM_PER_UNIT.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        try:
            sides.append(float(pixels.get(f"PhysicalSize{axis}", "")) * (unit or float("nan")))
        except ValueError:
            return None
    return sides[0], sides[1]
