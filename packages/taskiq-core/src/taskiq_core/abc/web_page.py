"""The contract of web pages: what a plugin shows in the dashboard."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taskiq_core.abc.broker import AbstractBroker


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table of a page.

    Attributes:
        title: its heading.
        headings: of the columns.
        rows: a value for each heading; the dashboard shows values as text, and escapes them.
        empty: what stands in its place when there are no rows.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[object]]
    empty: str = "There is nothing to show."


@dataclass(frozen=True, slots=True)
class PageText:
    """A text of a page; line breaks are kept.

    Attributes:
        title: its heading.
        text: the text; it is escaped.
    """

    title: str
    text: str


class WebPage(ABC):
    """A page that a plugin adds to the dashboard, to be looked at.

    A plugin registers it with the hook `taskiq_register_web_pages`. It gives values, and the
    dashboard draws them: no page can bring markup or a script into the dashboard. The
    dashboard's viewers share what one call returned, for about two seconds.
    """

    @abstractmethod
    async def sections(
        self, broker: AbstractBroker, query: Mapping[str, str]
    ) -> Sequence[PageTable | PageText]:
        """Return what the page shows.

        Args:
            broker: the broker of the dashboard, started.
            query: the parameters of the page's URL, which anybody may have written.
        """
