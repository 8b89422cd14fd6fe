# ruff: noqa: S101  # contract tests assert
"""Messages listed page by page: what waits, is delivered, delayed and dead."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.messages.message_info import MessageFilter, MessageInfo, MessageState
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.probe import PROBE

SOON: Final = timedelta(seconds=30)
"""How far clocks of different machines may differ here."""
MOST_PAGES: Final = 100
"""Pages after which a listing does not end."""


class InspectionContract(BrokerBase):
    """Inspection."""

    @proves(Capability.INSPECT, needs=WORKERS)
    async def test_waiting_messages_are_listed(self, harness: BrokerHarness) -> None:
        """Each is listed with its facts, in the order of delivery; it is not delivered by that."""
        labels: dict[str, Any] = {"priority": 3} if harness.declares(Capability.PRIORITY) else {}
        sent = [await harness.send(str(number)) for number in range(4)]
        sent.append(await harness.send("last", **labels))

        found = await _all(harness, MessageState.WAITING, limit=2)

        worker = await harness.stream()
        taken = [(held.task_id, held.attempt) for held in await harness.gather(worker, 5)]
        assert sorted(info.task_id for info in found) == sorted(sent)
        assert [(info.task_id, 1) for info in found] == taken
        for info in found:
            assert (info.task_name, info.state) == (PROBE, MessageState.WAITING)
            assert (info.attempt, info.body) == (0, None)
            assert info.size > 0
            assert info.queue == harness.broker.queue_name
            _is_now(info.sent_at)
        assert {info.priority for info in found} == {0, *labels.values()}
        assert await _all(harness, MessageState.WAITING) == []

    @proves(Capability.INSPECT, needs=WORKERS)
    async def test_body_is_told_on_request(self, harness: BrokerHarness) -> None:
        """The bytes are the ones that were sent."""
        task_id = await harness.kick("body")

        (info,) = await _all(harness, MessageState.WAITING, with_body=True)

        assert info.body is not None
        message = harness.broker.formatter.loads(info.body)
        assert (message.task_id, message.args) == (task_id, ["body"])
        assert info.size == len(info.body)

    @proves(Capability.INSPECT, needs=WORKERS)
    async def test_pages_are_found_by_key(self, harness: BrokerHarness) -> None:
        """What is settled or sent between two pages hides no message and repeats none."""
        sent = [await harness.send(str(number)) for number in range(6)]
        worker = await harness.stream()
        first = await harness.broker.messages(MessageState.WAITING, limit=3)
        listed = [info.task_id for info in first.messages]
        gone = [held.task_id for held in await harness.gather(worker, 2)]
        await harness.send("later")

        rest = await _all(harness, MessageState.WAITING, after=first.after, limit=2)

        assert len(listed) == 3  # noqa: PLR2004  # the limit
        assert set(gone) <= set(listed)
        found = listed + [info.task_id for info in rest]
        assert set(sent) <= set(found)
        assert len(set(found)) == len(found)

    @proves(Capability.INSPECT, needs=WORKERS)
    async def test_delivered_message_is_told_with_its_worker(self, harness: BrokerHarness) -> None:
        """A message that a worker has is listed with attempt, owner and lease."""
        worker = await harness.stream(worker_id="worker of this test")
        await harness.send("held")
        held = await worker.next()

        (info,) = await _all(harness, MessageState.DELIVERED)

        assert (info.task_id, info.attempt) == (held.task_id, 1)
        owners = {"worker of this test"} | ({None} - _owners_are_known(harness))
        assert info.owner in owners
        if harness.declares(Capability.LEASE):
            assert info.lease_until is not None
            assert datetime.now(UTC) - SOON < info.lease_until < datetime.now(UTC) + SOON
        assert await _all(harness, MessageState.WAITING) == []
        await held.ack()

        async def is_gone() -> bool:
            return await _all(harness, MessageState.DELIVERED) == []

        await harness.until(is_gone, "the end of a delivery in the listing")

    @proves(Capability.INSPECT, beside=(Capability.DELAY,))
    async def test_delayed_messages_are_listed(self, harness: BrokerHarness) -> None:
        """They come by when they are due, and say when that is."""
        delays = (3000.0, 1000.0, 2000.0)
        for delay in delays:
            await harness.send(str(delay), delay=delay)

        found = await _all(harness, MessageState.DELAYED, limit=2)

        assert len(found) == len(delays)
        for info, delay in zip(found, sorted(delays), strict=True):
            due_at = datetime.now(UTC) + timedelta(seconds=delay)
            assert info.due_at is not None
            assert abs(info.due_at - due_at) < SOON
            assert (info.state, info.task_name) == (MessageState.DELAYED, PROBE)

    @proves(Capability.INSPECT, beside=(Capability.DELAY,))
    async def test_delayed_message_is_moved_to_now(self, harness: BrokerHarness) -> None:
        """A delayed message that is moved is delivered at once, and no other one."""
        worker = await harness.worker()
        task_id = await harness.send("moved", delay=1000.0)
        other = await harness.send("other", delay=1000.0)

        assert await harness.broker.move_to_now(task_id)

        held = await worker.next()
        assert (held.task_id, held.attempt) == (task_id, 1)
        await held.ack()
        assert not await harness.broker.move_to_now(task_id)
        assert not await harness.broker.move_to_now("no such task")
        assert [info.task_id for info in await _all(harness, MessageState.DELAYED)] == [other]

    @proves(Capability.INSPECT, beside=(Capability.DEAD_LETTER,))
    async def test_dead_messages_are_listed(self, harness: BrokerHarness) -> None:
        """Dead messages are listed with attempt and reason, oldest first."""
        worker = await harness.worker()
        sent: list[str] = []
        for number in range(3):
            sent.append(await harness.send(str(number)))
            await (await worker.next()).bury("spoilt", "ValueError: no")
            await harness.counts(dead=number + 1)

        found = await _all(harness, MessageState.DEAD, limit=2)

        assert [info.task_id for info in found] == sent
        for info in found:
            assert (info.state, info.attempt) == (MessageState.DEAD, 1)
            assert info.reason

    @proves(Capability.INSPECT, beside=(Capability.DELAY,))
    async def test_filters_choose(self, harness: BrokerHarness) -> None:
        """Messages are chosen by task id, task name and unique key, all of them together."""
        unique = {"unique_key": "one"} if harness.declares(Capability.UNIQUE) else {}
        chosen = await harness.send("chosen", delay=1000.0, **unique)
        others = [await harness.send(str(number), delay=1000.0) for number in range(4)]

        async def ids(**facts: Any) -> list[str]:
            where = MessageFilter(**facts)
            found = await _all(harness, MessageState.DELAYED, where=where, limit=2)
            return sorted(info.task_id for info in found)

        assert await ids(task_id=chosen) == [chosen]
        assert await ids(task_id="no such task") == []
        assert await ids(task_name=PROBE) == sorted([chosen, *others])
        assert await ids(task_name="no such name") == []
        assert await ids(task_name="no such name", task_id=chosen) == []
        if unique:
            assert await ids(unique_key="one") == [chosen]
            assert await ids(unique_key="another") == []

    @proves(Capability.INSPECT, beside=(Capability.QUEUES, Capability.DELAY))
    async def test_messages_of_a_queue(self, harness: BrokerHarness) -> None:
        """Only messages of the queue are listed, and moved."""
        mails = harness.queue("mails")
        mail = await harness.send("a mail", queue_name=mails, delay=1000.0)
        usual = await harness.send("usual", delay=1000.0)

        found = await _all(harness, MessageState.DELAYED, queue=mails)

        assert [(info.task_id, info.queue) for info in found] == [(mail, mails)]
        assert [info.task_id for info in await _all(harness, MessageState.DELAYED)] == [usual]
        assert not await harness.broker.move_to_now(mail)

    @proves(Capability.INSPECT)
    async def test_key_that_is_none_is_refused(self, harness: BrokerHarness) -> None:
        """A text that is not the key of a page is an error, and not the first page."""
        for state in MessageState:
            with pytest.raises(ValueError, match="not a key"):
                await harness.broker.messages(state, after="not a key")


async def _all(
    harness: BrokerHarness,
    state: MessageState,
    *,
    after: str | None = None,
    limit: int = 100,
    **options: Any,
) -> Sequence[MessageInfo]:
    """Turn the pages over, from a key to the end."""
    found: list[MessageInfo] = []
    for _ in range(MOST_PAGES):
        page = await harness.broker.messages(state, after=after, limit=limit, **options)
        assert len(page.messages) <= limit
        found += page.messages
        after = page.after
        if after is None:
            return found
    raise AssertionError("the pages have no end")


def _is_now(moment: datetime | None) -> None:
    """Check a moment; a store need not know it."""
    assert moment is None or abs(datetime.now(UTC) - moment) < SOON


def _owners_are_known(harness: BrokerHarness) -> set[None]:
    """Return what an owner may not be: a broker that reclaims by owner knows who it is."""
    return {None} if harness.declares(Capability.PRESENCE) else set()
