"""DashboardState: what the pages of one dashboard share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.broker import AsyncBroker
from taskiq_core.plugins import PluginRegistry
from taskiq_web.access import Access, Resolver
from taskiq_web.audit import AuditLog
from taskiq_web.jobs import Jobs
from taskiq_web.options import DashboardOptions
from taskiq_web.reads.feed import SnapshotFeed
from taskiq_web.reads.shared import SharedReads
from taskiq_web.reads.snapshot import Snapshot, take_snapshot


@dataclass(frozen=True, slots=True)
class DashboardState:
    """The parts of a dashboard.

    Attributes:
        broker: what it shows.
        options: how it is configured.
        resolver: says who may see and do what.
        sources: the schedule sources that it shows.
        registry: the installed plugins.
        reads: what several viewers ask for.
        feed: the live ticks.
        audit: who did what.
        jobs: what goes on after its request has been answered.
    """

    broker: AsyncBroker
    options: DashboardOptions
    resolver: Resolver
    sources: Sequence[ScheduleSource]
    registry: PluginRegistry
    reads: SharedReads
    feed: SnapshotFeed
    audit: AuditLog
    jobs: Jobs

    async def snapshot(self) -> Snapshot:
        """Return the snapshot of this tick."""
        return await self.reads.get("snapshot", lambda: take_snapshot(self.broker))


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a page is asked for.

    Attributes:
        state: of the dashboard.
        access: of the viewer.
        query: the parameters of the URL.
    """

    state: DashboardState
    access: Access
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def broker(self) -> AsyncBroker:
        """The broker of the dashboard."""
        return self.state.broker

    def text(self, name: str) -> str:
        """Return a parameter; empty if it was not given."""
        return self.query.get(name, "")


def make_state(
    broker: AsyncBroker,
    options: DashboardOptions,
    resolver: Resolver,
    sources: Sequence[ScheduleSource],
    registry: PluginRegistry,
) -> DashboardState:
    """Make the parts of a dashboard.

    Args:
        broker: what it shows.
        options: how it is configured.
        resolver: says who may see and do what.
        sources: the schedule sources that it shows.
        registry: the installed plugins.
    """
    # A little less than the interval, so that each tick takes a new one.
    reads = SharedReads(options.interval * 0.9)
    feed = SnapshotFeed(
        lambda: _tick_snapshot(broker, reads),
        interval=options.interval,
        timeout=options.read_timeout,
        max_viewers=options.max_viewers,
    )
    return DashboardState(
        broker, options, resolver, sources, registry, reads, feed, AuditLog(), Jobs(feed.notify)
    )


async def _tick_snapshot(broker: AsyncBroker, reads: SharedReads) -> Snapshot:
    return await reads.get("snapshot", lambda: take_snapshot(broker))
