"""The templates of pages, with the ways in which they word numbers."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from slidemill.reporting import wording


def page_templates() -> Environment:
    """All templates of this package."""
    environment = Environment(
        loader=PackageLoader("slidemill.reporting"),
        autoescape=True,  # slide names and reasons come from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        wording.thousands,
        wording.counted,
        wording.percent,
        wording.decimal,
        wording.percent_interval,
        wording.decimal_interval,
        wording.signed,
        wording.p_value,
    )
    environment.filters |= {function.__name__: function for function in filters}
    return environment
