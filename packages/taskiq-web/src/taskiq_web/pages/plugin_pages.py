"""Pages that plugins add."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from taskiq_core.abc.web_page import PageTable, PageText, WebPage
from taskiq_core.plugins import PluginRegistry, WebPageSpec
from taskiq_web.errors import RequestRefusedError
from taskiq_web.pages.page import Page
from taskiq_web.render.values import ValueReader, described
from taskiq_web.state import PageRequest


def plugin_pages(registry: PluginRegistry) -> list[Page]:
    """Return a page for each that a plugin has registered; their modules are imported later."""
    return [
        Page(
            f"pages/{spec.name}",
            spec.title,
            "plugin_page.html",
            partial(_read, spec),
            menu=spec.title,
        )
        for spec in registry.web_pages.values()
    ]


async def _read(spec: WebPageSpec, request: PageRequest) -> Mapping[str, Any]:
    page = _made(spec, request.state.registry)
    sections = await page.sections(request.broker, request.query)
    return {"sections": [_plain(section, request) for section in sections]}


def _made(spec: WebPageSpec, registry: PluginRegistry) -> WebPage:
    target = registry.resolve(spec)
    if not (isinstance(target, type) and issubclass(target, WebPage)):
        error = registry.reject(spec, "it is not a subclass of WebPage")
        raise RequestRefusedError(status=500, reason=str(error))
    return target()


def _plain(section: PageTable | PageText, request: PageRequest) -> dict[str, Any]:
    if isinstance(section, PageText):
        return {"kind": "text", **asdict(section)}
    reader = ValueReader(request.access)
    rows = [[_cell(reader.read(cell)) for cell in row] for row in section.rows]
    return {
        "kind": "table",
        "title": section.title,
        "headings": list(section.headings),
        "rows": rows,
        "empty": section.empty,
    }


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return value if isinstance(value, str | int | float) else described(value)
