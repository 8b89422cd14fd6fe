# ruff: noqa: S101  # contract tests assert
"""The other side of each capability: not declared, so its use is refused, and not ignored."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.exceptions import CapabilityError, UnsupportedLabelError
from taskiq_core.messages.labels import DELAY, EXPIRES, PRIORITY, UNIQUE_KEY
from taskiq_testkit.probe import formatted
from taskiq_testkit.stage import Stage


async def is_ack_harmless(stage: Stage) -> None:
    """Without ACK a message is forgotten when it is fetched; acknowledging it changes nothing."""
    worker = await stage.worker()
    await stage.send("first")

    await (await worker.next()).ack()

    await stage.send("second")
    assert (await worker.next()).text == "second"


async def release_is_refused(stage: Stage) -> None:
    """Core sends the message again in its place."""
    if not stage.has_workers:
        return
    worker = await stage.stream()
    await stage.send()
    delivery = await worker.next_delivery()

    with pytest.raises(CapabilityError):
        await delivery.release()


async def there_are_no_leases(stage: Stage) -> None:
    """Nothing to renew, nothing to reclaim."""
    assert await stage.broker.reclaim() == 0
    if not stage.has_workers:
        return
    worker = await stage.stream()
    await stage.send()
    delivery = await worker.next_delivery()

    assert delivery.lease is None
    with pytest.raises(CapabilityError):
        await delivery.extend()


async def there_are_no_dead_letters(stage: Stage) -> None:
    """Nobody is told that there are none, where they are not kept."""
    for call in (
        stage.broker.dead_letters,
        stage.broker.replay_dead_letters,
        stage.broker.purge_dead_letters,
    ):
        with pytest.raises(CapabilityError):
            await call()
    if not stage.has_workers:
        return
    worker = await stage.stream()
    await stage.send()
    delivery = await worker.next_delivery()
    with pytest.raises(CapabilityError):
        await delivery.bury("no reason")


async def abort_is_refused(stage: Stage) -> None:
    """Whoever asks for an abort learns that there will be none."""
    with pytest.raises(CapabilityError):
        await stage.broker.abort(await stage.send())
    with pytest.raises(CapabilityError):
        async with aclosing(stage.broker.aborts()) as aborts:
            await anext(aborts)


async def bulk_is_sent_one_by_one(stage: Stage) -> None:
    """`kick_many` works for every broker."""
    worker = await stage.worker(2)
    await stage.broker.kick_many([formatted(stage.broker, text, text) for text in ("a", "b")])

    assert {held.text for held in await worker.take(2)} == {"a", "b"}


async def results_are_asked_for(stage: Stage) -> None:
    """Results that are not pushed are found by asking, where any are kept."""
    stage.task("seven", _seven)
    await stage.crew()
    task = await stage.call("seven")
    if isinstance(stage.broker.result_backend, DummyResultBackend):
        return

    result = await task.wait_result(check_interval=0.01, timeout=stage.patience)

    assert result.return_value == 7  # noqa: PLR2004  # what the task returns


async def _seven() -> int:
    return 7


async def one_worker_gets_it(stage: Stage) -> None:
    """Of two workers with a slot each that wait for two messages, each gets another one."""
    if not stage.has_workers:
        return
    workers = [await stage.stream(), await stage.stream()]
    for worker in workers:
        worker.begin()
    await stage.send("a")
    await stage.send("b")

    assert {(await worker.next()).text for worker in workers} == {"a", "b"}


async def every_worker_gets_it(stage: Stage) -> None:
    """With BROADCAST each of two workers gets all messages that are sent while both are there."""
    workers = [await stage.stream(), await stage.stream()]
    await stage.tune_in(workers)
    sent = [await stage.send(str(number)) for number in range(5)]

    for worker in workers:
        taken = await stage.gather(worker, len(sent))
        assert sorted(held.task_id for held in taken) == sorted(sent)


def label_is_refused(label: str, value: Any) -> Callable[[Stage], Awaitable[None]]:
    """What a label asks for is not ignored: the task is not sent."""

    async def is_refused(stage: Stage) -> None:
        with pytest.raises(UnsupportedLabelError) as caught:
            await stage.send(**{label: value})

        assert label in str(caught.value)
        if stage.has_stats:
            await stage.counts(waiting=0, delivered=0, delayed=0)

    return is_refused


REFUSALS: Final[Mapping[Capability, Callable[[Stage], Awaitable[None]]]] = {
    Capability.ACK: is_ack_harmless,
    Capability.RELEASE: release_is_refused,
    Capability.LEASE: there_are_no_leases,
    Capability.DELAY: label_is_refused(DELAY, 1.0),
    Capability.DEAD_LETTER: there_are_no_dead_letters,
    Capability.ABORT: abort_is_refused,
    Capability.PRIORITY: label_is_refused(PRIORITY, 1),
    Capability.EXPIRY: label_is_refused(EXPIRES, 1.0),
    Capability.UNIQUE: label_is_refused(UNIQUE_KEY, "key"),
    Capability.BATCH: bulk_is_sent_one_by_one,
    Capability.PUSH_RESULTS: results_are_asked_for,
    Capability.BROADCAST: one_worker_gets_it,
}
"""What is checked of a capability that is not declared."""
