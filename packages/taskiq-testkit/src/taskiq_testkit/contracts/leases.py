# ruff: noqa: S101  # contract tests assert
"""Leases: kept while they are renewed, lost when they are not, and never both."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.outcomes import Ack
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.harness import BrokerHarness

SETTLING: dict[str, Callable[[Delivery], Awaitable[None]]] = {
    "ack": lambda delivery: delivery.ack(),
    "release": lambda delivery: delivery.release(),
    "bury": lambda delivery: delivery.bury("too late"),
    "extend": lambda delivery: delivery.extend(),
}
"""What a worker may do with a delivery."""
NEEDED = {"release": Capability.RELEASE, "bury": Capability.DEAD_LETTER}
"""The capabilities that some of it needs, beside a lease."""


class LeaseContract(BrokerBase):
    """Leases."""

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_lease_runs_out(self, harness: BrokerHarness) -> None:
        """Without renewal a message goes to a worker that waits, and counts as unsettled."""
        silent, waiting = await harness.stream(), await harness.stream()
        task_id = await harness.send("leased")
        silent.renews = False
        harness.lease_of(await silent.next())

        held = await waiting.next()

        assert (held.task_id, held.attempt, held.delivery.unsettled) == (task_id, 2, 1)

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_renewed_lease_is_kept(self, harness: BrokerHarness) -> None:
        """A message whose lease is renewed goes to nobody else, and can be acknowledged then."""
        holder, other = await harness.stream(), await harness.stream()
        await harness.send("mine")
        held = await holder.next()

        for _ in range(2):
            await harness.lease_over(held)
            assert await harness.broker.reclaim() == 0

        await held.ack()
        await harness.is_empty(other)

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_renewal_names_what_is_lost(self, harness: BrokerHarness) -> None:
        """`renew_leases` returns the deliveries that are another worker's now, and no others."""
        holder, other = await harness.stream(2), await harness.stream()
        holder.renews = False
        await harness.send("kept")
        await harness.send("lost")
        held = {each.text: each for each in await holder.take(2)}
        await harness.lease_over(held["lost"], kept=held["kept"])
        taken = await other.next()

        lost = await holder.broker.renew_leases([each.delivery for each in held.values()])

        assert [each.data for each in lost] == [held["lost"].delivery.data]
        assert taken.text == "lost"

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_late_worker_settles_nothing(self, harness: BrokerHarness) -> None:
        """A worker that lost a lease gets LeaseLostError, and takes nothing from its new owner."""
        late, owner = await harness.stream(4), await harness.stream(4)
        late.renews = False
        calls = {
            name: call
            for name, call in SETTLING.items()
            if name not in NEEDED or harness.declares(NEEDED[name])
        }
        for name in calls:
            await harness.send(name)
        held = {each.text: each for each in await late.take(len(calls))}
        owned = {each.text: each for each in await owner.take(len(calls))}

        for name, call in calls.items():
            with pytest.raises(LeaseLostError):
                await call(held[name].delivery)

        for each in owned.values():
            await each.delivery.extend()
            await each.ack()
        await harness.is_empty(owner)
        if harness.declares(Capability.DEAD_LETTER):
            assert await harness.broker.dead_letters() == []

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_unsettled_deliveries_are_counted(self, harness: BrokerHarness) -> None:
        """Each lease that runs out counts; a release does not, and does not reset the count."""
        task_id = await harness.send("count")
        seen: list[tuple[int, int]] = []
        for is_lost in (True, False, True):
            worker = await harness.stream()
            worker.renews = False
            held = await worker.next()
            seen.append((held.attempt, held.delivery.unsettled))
            if is_lost or not harness.declares(Capability.RELEASE):
                await worker.close()
            else:
                await held.release()
                await worker.close()

        last = await (await harness.stream()).next()

        seen.append((last.attempt, last.delivery.unsettled))
        releases = 1 if harness.declares(Capability.RELEASE) else 0
        assert last.task_id == task_id
        assert seen == [(1, 0), (2, 1), (3, 2 - releases), (4, 3 - releases)]

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_fences_grow(self, harness: BrokerHarness) -> None:
        """Each delivery of a message has a higher fence than those before it."""
        task_id = await harness.send()
        deliveries: list[Delivery] = []
        for is_released in (True, False, True, False):
            worker = await harness.stream()
            held = await worker.next()
            assert held.task_id == task_id
            deliveries.append(held.delivery)
            if is_released and harness.declares(Capability.RELEASE):
                await held.release()
            await harness.vanish(worker)

        fences = [each.fence for each in deliveries if each.fence is not None]

        assert len(fences) == len(deliveries), "deliveries with a lease need a fence"
        assert fences == sorted(set(fences))

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_reclaim_says_how_many(self, harness: BrokerHarness) -> None:
        """`reclaim` counts the deliveries whose lease ran out, each once."""
        assert await harness.broker.reclaim() == 0
        worker = await harness.stream(2)
        worker.renews = False
        for text in ("a", "b"):
            await harness.send(text)
        held = await worker.take(2)
        await worker.close()
        await harness.lease_over(held[0])

        counts = [await harness.broker.reclaim(), await harness.broker.reclaim()]

        assert counts == ([0, 0] if harness.broker.reclaims_itself else [2, 0])

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_long_task_with_a_short_lease_runs_once(self, harness: BrokerHarness) -> None:
        """A task that runs for longer than its lease is run once, with another worker waiting."""
        worker = await harness.stream()
        await harness.send()
        lease = harness.lease_of(held := await worker.next())
        await held.ack()
        await worker.close()
        runs: list[int] = []

        async def long() -> None:
            runs.append(1)
            await asyncio.sleep(2.5 * lease)

        harness.task("long", long)
        receivers = [await harness.receiver(), await harness.receiver()]

        task = await harness.call("long")

        ended = [asyncio.create_task(receiver.outcome_of(task.task_id)) for receiver in receivers]
        done, waiting = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        assert [type(each.result()) for each in done] == [Ack]
        assert runs == [1]
