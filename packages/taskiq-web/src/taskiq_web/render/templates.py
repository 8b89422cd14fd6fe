"""Templates: everything is escaped, and made visible before."""

import hashlib
import json
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from taskiq_web.render.chart import bar_chart
from taskiq_web.render.text import shortened, visible
from taskiq_web.render.units import age_text, count_text, duration_text, moment_text, size_text


def render(template: str, **values: Any) -> str:
    """Return a template, filled with values of any origin."""
    return environment().get_template(template).render(**values)


@cache
def environment() -> Environment:
    """Return the templates of this package."""
    made = Environment(
        loader=PackageLoader("taskiq_web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = made.filters
    filters.update(
        age=age_text,
        anchor=anchor_text,
        count=count_text,
        cut=shortened,
        duration=duration_text,
        field=field_text,
        json=json_text,
        moment=moment_text,
        query=query_text,
        size=size_text,
    )
    functions: dict[str, Any] = made.globals
    functions.update(bar_chart=bar_chart)
    return made


def json_text(value: Any) -> str:
    """Return plain data as JSON of several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def query_text(values: dict[str, Any]) -> str:
    """Return the query of a URL, with its question mark; empty values are left out."""
    pairs = {name: str(value) for name, value in values.items() if value not in (None, "")}
    return f"?{urlencode(pairs, quote_via=quote, errors='surrogatepass')}" if pairs else ""


def anchor_text(value: object) -> str:
    """Return an id for the row of something.

    When a live page is drawn anew, a row with an id keeps its buttons and the focus, wherever it
    goes: nobody presses the button of another row than they meant.
    """
    digest = hashlib.blake2b(str(value).encode(errors="replace"), digest_size=8)
    return f"row-{digest.hexdigest()}"


def field_text(value: object) -> Markup:
    """Return the value of a field as it is, escaped as markup only: it comes back with the form."""
    return escape(str(value).encode(errors="replace").decode())


def _finalized(value: Any) -> Any:
    """Make text visible; markup, which only this package makes, stays."""
    if isinstance(value, Markup):
        return value
    return visible(value) if isinstance(value, str) else value
