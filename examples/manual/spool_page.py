"""Two hooks more that taskiq-spool could have: a page of the dashboard, modules for workers."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.web_page import PageTable, PageText, WebPage
from taskiq_core.plugins import PreloadModule, WebPageSpec, hookimpl


@hookimpl
def taskiq_register_web_pages() -> list[WebPageSpec]:
    return [WebPageSpec("spool", title="Spool", target="taskiq_spool.page:SpoolPage")]


def files_of(folder: Path) -> list[tuple[str, int]]:
    return [(file.name, file.stat().st_size) for file in sorted(folder.iterdir())]


class SpoolPage(WebPage):
    async def sections(
        self, broker: AbstractBroker, query: Mapping[str, str]
    ) -> Sequence[PageTable | PageText]:
        rows = await asyncio.to_thread(files_of, Path("/var/spool"))
        return [
            PageTable("Files", headings=("name", "bytes"), rows=rows, empty="The spool is empty.")
        ]


@hookimpl
def taskiq_register_preload_modules() -> list[PreloadModule]:
    return [PreloadModule("taskiq_spool.broker")]
