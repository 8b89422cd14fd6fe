# ruff: noqa: S101  # contract tests assert
"""The other side of each capability: not declared, so its use is refused, and not ignored."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.exceptions import CapabilityError, UnsupportedLabelError
from taskiq_core.messages.labels import DELAY, EXPIRES, PRIORITY, QUEUE_NAME, UNIQUE_KEY
from taskiq_core.messages.message_info import MessageState
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.worker_report import WorkerState
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.probe import formatted


async def is_ack_harmless(harness: BrokerHarness) -> None:
    """Without ACK a message is forgotten when it is fetched; acknowledging it changes nothing."""
    worker = await harness.worker()
    await harness.send("first")

    await (await worker.next()).ack()

    await harness.send("second")
    assert (await worker.next()).text == "second"


async def release_is_refused(harness: BrokerHarness) -> None:
    """Core sends the message again in its place."""
    if not harness.has_workers:
        return
    worker = await harness.stream()
    await harness.send()
    delivery = await worker.next_delivery()

    with pytest.raises(CapabilityError):
        await delivery.release()


async def there_are_no_leases(harness: BrokerHarness) -> None:
    """Nothing to renew, nothing to reclaim."""
    assert await harness.broker.reclaim() == 0
    if not harness.has_workers:
        return
    worker = await harness.stream()
    await harness.send()
    delivery = await worker.next_delivery()

    assert delivery.lease is None
    with pytest.raises(CapabilityError):
        await delivery.extend()


async def there_are_no_dead_letters(harness: BrokerHarness) -> None:
    """Where dead letters are not kept, a broker refuses to list them: the list is not empty."""
    for call in (
        harness.broker.dead_letters,
        harness.broker.replay_dead_letters,
        harness.broker.purge_dead_letters,
    ):
        with pytest.raises(CapabilityError):
            await call()
    if not harness.has_workers:
        return
    worker = await harness.stream()
    await harness.send()
    delivery = await worker.next_delivery()
    with pytest.raises(CapabilityError):
        await delivery.bury("no reason")


async def abort_of_running_tasks_is_refused(harness: BrokerHarness) -> None:
    """The abort of a task that a worker has raises, and there is nothing for workers to hear."""
    worker = await harness.worker()
    task_id = await harness.send()
    held = await worker.next()

    with pytest.raises(CapabilityError):
        await harness.broker.abort(task_id)
    with pytest.raises(CapabilityError):
        async with aclosing(harness.broker.aborts()) as aborts:
            await anext(aborts)
    await held.ack()


async def abort_of_queued_tasks_is_refused(harness: BrokerHarness) -> None:
    """The abort of a task that waits raises, and the task is delivered."""
    if not harness.has_workers:
        return
    task_id = await harness.send()

    with pytest.raises(CapabilityError):
        await harness.broker.abort(task_id)

    held = await (await harness.stream()).next()
    assert (held.task_id, held.delivery.aborted) == (task_id, False)
    await held.ack()


async def bulk_is_sent_one_by_one(harness: BrokerHarness) -> None:
    """`kick_many` works for every broker."""
    worker = await harness.worker(2)
    await harness.broker.kick_many([formatted(harness.broker, text, text) for text in ("a", "b")])

    assert {held.text for held in await worker.take(2)} == {"a", "b"}


async def results_are_asked_for(harness: BrokerHarness) -> None:
    """Results that are not pushed are found by asking, where any are kept."""
    harness.task("seven", _seven)
    await harness.receiver()
    task = await harness.call("seven")
    if isinstance(harness.broker.result_backend, DummyResultBackend):
        return

    result = await task.wait_result(check_interval=0.01, timeout=harness.patience)

    assert result.return_value == 7  # noqa: PLR2004  # what the task returns


async def _seven() -> int:
    return 7


async def one_worker_gets_it(harness: BrokerHarness) -> None:
    """Of two workers with a slot each that wait for two messages, each gets another one."""
    if not harness.has_workers:
        return
    workers = [await harness.stream(), await harness.stream()]
    for worker in workers:
        worker.begin()
    await harness.send("a")
    await harness.send("b")

    assert {(await worker.next()).text for worker in workers} == {"a", "b"}


async def every_worker_gets_it(harness: BrokerHarness) -> None:
    """With BROADCAST each of two workers gets all messages that are sent while both are there."""
    workers = [await harness.stream(), await harness.stream()]
    await harness.tune_in(workers)
    sent = [await harness.send(str(number)) for number in range(5)]

    for worker in workers:
        taken = await harness.gather(worker, len(sent))
        assert sorted(held.task_id for held in taken) == sorted(sent)


async def claims_are_refused(harness: BrokerHarness) -> None:
    """A scheduler can't take claims for granted."""
    with pytest.raises(CapabilityError):
        harness.broker.tick_claims()


async def there_is_one_queue(harness: BrokerHarness) -> None:
    """The label of another queue is refused, that of the only one is not; no queue is listed."""
    await label_is_refused(QUEUE_NAME, f"not {harness.broker.queue_name}")(harness)

    assert list(await harness.broker.queue_names()) == []
    worker = await harness.worker()
    await harness.send("here", queue_name=harness.broker.queue_name)
    held = await worker.next()
    assert held.text == "here"
    await held.ack()


async def listing_is_refused(harness: BrokerHarness) -> None:
    """A broker that can't list its messages does not say that there are none."""
    for state in MessageState:
        with pytest.raises(CapabilityError):
            await harness.broker.messages(state)
    with pytest.raises(CapabilityError):
        await harness.broker.move_to_now("no such task")


async def workers_are_unknown(harness: BrokerHarness) -> None:
    """A broker that knows no workers does not say that there are none."""
    record = WorkerRecord(
        worker_id="id",
        host="host",
        pid=1,
        state=WorkerState.RUNNING,
        started_at=datetime.now(UTC),
        seen_at=datetime.now(UTC),
    )
    for call in (
        lambda: harness.broker.announce(record, ttl=1.0),
        lambda: harness.broker.withdraw("id"),
        harness.broker.workers,
    ):
        with pytest.raises(CapabilityError):
            await call()


async def pause_is_refused(harness: BrokerHarness) -> None:
    """An operator does not take a queue for paused that is not."""
    for call in (harness.broker.pause, harness.broker.resume, harness.broker.is_paused):
        with pytest.raises(CapabilityError):
            await call()


async def history_is_refused(harness: BrokerHarness) -> None:
    """A broker that keeps no history does not say that nothing happened."""
    for call in (
        lambda: harness.broker.add_history([], []),
        harness.broker.deliveries_of_past,
        lambda: harness.broker.minute_counters(since=datetime.now(UTC)),
    ):
        with pytest.raises(CapabilityError):
            await call()


def label_is_refused(label: str, value: Any) -> Callable[[BrokerHarness], Awaitable[None]]:
    """What a label asks for is not ignored: the task is not sent."""

    async def is_refused(harness: BrokerHarness) -> None:
        if label in harness.broker.disregarded_labels:
            await _label_has_no_effect(harness, label, value)
            return
        with pytest.raises(UnsupportedLabelError) as caught:
            await harness.send(**{label: value})

        assert label in str(caught.value)
        if harness.has_stats:
            await harness.counts(waiting=0, delivered=0, delayed=0)

    return is_refused


async def _label_has_no_effect(harness: BrokerHarness, label: str, value: Any) -> None:
    """A broker for programs' tests delivers what carries the labels of others, at once."""
    worker = await harness.worker()
    sent = {await harness.send(**{label: value}) for _ in range(2)}

    assert {held.task_id for held in await harness.gather(worker, 2)} == sent


async def transactions_are_refused(harness: BrokerHarness) -> None:
    """A task that was sent anyway would be sent although its transaction is rolled back."""
    with pytest.raises(CapabilityError, match="transaction"):
        harness.broker.in_transaction(object())


REFUSALS: Final[Mapping[Capability, Callable[[BrokerHarness], Awaitable[None]]]] = {
    Capability.ACK: is_ack_harmless,
    Capability.RELEASE: release_is_refused,
    Capability.LEASE: there_are_no_leases,
    Capability.DELAY: label_is_refused(DELAY, 1.0),
    Capability.DEAD_LETTER: there_are_no_dead_letters,
    Capability.ABORT_RUNNING: abort_of_running_tasks_is_refused,
    Capability.ABORT_QUEUED: abort_of_queued_tasks_is_refused,
    Capability.PRIORITY: label_is_refused(PRIORITY, 1),
    Capability.EXPIRY: label_is_refused(EXPIRES, 1.0),
    Capability.UNIQUE: label_is_refused(UNIQUE_KEY, "key"),
    Capability.BATCH: bulk_is_sent_one_by_one,
    Capability.PUSH_RESULTS: results_are_asked_for,
    Capability.BROADCAST: one_worker_gets_it,
    Capability.CLAIMS: claims_are_refused,
    Capability.QUEUES: there_is_one_queue,
    Capability.INSPECT: listing_is_refused,
    Capability.PRESENCE: workers_are_unknown,
    Capability.PAUSE: pause_is_refused,
    Capability.HISTORY: history_is_refused,
    Capability.TRANSACTION: transactions_are_refused,
}
"""What is checked of a capability that is not declared."""
