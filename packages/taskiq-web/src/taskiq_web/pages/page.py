"""Page: where a page is, what it reads, and how it is shown."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from taskiq_web.state import PageRequest


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        path: below the dashboard's root; empty for the first page.
        title: its heading.
        template: how it is shown.
        read: returns what it shows; the JSON interface has the same values.
        menu: its entry in the menu; empty for a page that is reached from another one.
        section: the path of the page whose entry in the menu is marked; its own by default.
        is_live: whether it is read again while it is looked at; a page to type in is not.
    """

    path: str
    title: str
    template: str
    read: Callable[[PageRequest], Awaitable[Mapping[str, Any]]]
    menu: str = ""
    section: str | None = None
    is_live: bool = True
