"""Numbers in attributes of XML elements."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def number(element: "Element", name: str) -> float:
    """The value of an attribute.

    Raises:
        ValueError: the attribute is missing or no number; says which.
    """
    text = element.get(name)
    if text is None:
        raise ValueError(f"a {element.tag} has no {name}")
    try:
        return float(text)
    except ValueError:
        # Some programs write decimals as the language of the computer has them.
        decimal = text.replace(",", ".")
        if text.count(",") == 1 and "." not in text and decimal.replace(".", "", 1).lstrip("-").isdigit():
            return float(decimal)
        raise ValueError(f"{name} of a {element.tag} is {text!r} and no number") from None
