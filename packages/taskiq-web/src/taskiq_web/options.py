"""DashboardOptions: what a dashboard can be configured with."""

from collections.abc import Collection
from dataclasses import dataclass

from taskiq_web.access import UNTYPED, Action


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    """The options of a dashboard.

    Attributes:
        title: what it is called.
        read_only: whether no viewer may change anything.
        actions: what viewers may do at most; the access of a viewer may allow less.
        interval: seconds between two looks at the broker while a viewer is there.
        oldest_age: seconds that a message may wait before the overview says that something is
            wrong.
        schedule_grace: seconds that a tick may be late before the overview says so.
        trace_url: the address of a trace, with `{trace_id}` in it; empty for no links.
        page_size: messages of one page.
        max_request: bytes of the body of a request at most.
        max_content: bytes of a message that the dashboard reads at most; of a larger one it shows
            the beginning.
        max_viewers: live pages at the same time at most.
        read_timeout: seconds that the broker has to answer for a page.
        allowed_hosts: names that the dashboard may be reached under; None for any.
    """

    title: str = "taskiq"
    read_only: bool = False
    actions: frozenset[Action] = UNTYPED
    interval: float = 2.0
    oldest_age: float = 60.0
    schedule_grace: float = 60.0
    trace_url: str = ""
    page_size: int = 50
    max_request: int = 1024 * 1024
    max_content: int = 1024 * 1024
    max_viewers: int = 500
    read_timeout: float = 10.0
    allowed_hosts: Collection[str] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.allowed_hosts, str):
            raise TypeError("allowed_hosts is a list of names, not a text")
        if self.allowed_hosts is not None:
            names = frozenset(name.lower() for name in self.allowed_hosts)
            object.__setattr__(self, "allowed_hosts", names)
        if not self.interval > 0 or not self.read_timeout > 0:
            raise ValueError("interval and read_timeout are seconds, above 0")
        if self.page_size < 1 or self.max_viewers < 1 or self.max_request < 1:
            raise ValueError("page_size, max_viewers and max_request are above 0")
        if self.trace_url and not self.trace_url.startswith(("https://", "http://")):
            raise ValueError("trace_url begins with https:// or http://")
