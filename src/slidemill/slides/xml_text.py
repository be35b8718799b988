"""XML in the descriptions of slide files, which may come from anywhere."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def parse_xml(text: str) -> "Element | None":
    """The root of an XML text; None where it is damaged, or declares entities that could fill the memory."""
    # Imported here because few slides have XML.
    import xml.etree.ElementTree as ElementTree

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: ElementTree.Element = fromstring(text.encode())
    except (ElementTree.ParseError, DefusedXmlException, ValueError):
        return None
    return root
