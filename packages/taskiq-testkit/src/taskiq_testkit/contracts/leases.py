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
from taskiq_testkit.contracts.sharing import WORKERS
from taskiq_testkit.stage import Stage

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
    async def test_lease_runs_out(self, stage: Stage) -> None:
        """Without renewal a message goes to a worker that waits, and counts as unsettled."""
        silent, waiting = await stage.stream(), await stage.stream()
        task_id = await stage.send("leased")
        silent.renews = False
        stage.lease_of(await silent.next())

        held = await waiting.next()

        assert (held.task_id, held.attempt, held.delivery.unsettled) == (task_id, 2, 1)

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_renewed_lease_is_kept(self, stage: Stage) -> None:
        """A message whose lease is renewed goes to nobody else, and can be acknowledged then."""
        holder, other = await stage.stream(), await stage.stream()
        await stage.send("mine")
        held = await holder.next()

        for _ in range(2):
            await stage.lease_over(held)
            assert await stage.broker.reclaim() == 0

        await held.ack()
        await stage.is_empty(other)

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_renewal_names_what_is_lost(self, stage: Stage) -> None:
        """`renew_leases` returns the deliveries that are another's by now, and no others."""
        holder, other = await stage.stream(2), await stage.stream()
        holder.renews = False
        await stage.send("kept")
        await stage.send("lost")
        held = {each.text: each for each in await holder.take(2)}
        await stage.lease_over(held["lost"])
        await held["kept"].delivery.extend()
        taken = await other.next()

        lost = await holder.broker.renew_leases([each.delivery for each in held.values()])

        assert [each.data for each in lost] == [held["lost"].delivery.data]
        assert taken.text == "lost"

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_late_worker_settles_nothing(self, stage: Stage) -> None:
        """Whoever lost a lease gets LeaseLostError, and takes nothing from whoever has it now."""
        late, owner = await stage.stream(4), await stage.stream(4)
        late.renews = False
        calls = {
            name: call
            for name, call in SETTLING.items()
            if name not in NEEDED or stage.declares(NEEDED[name])
        }
        for name in calls:
            await stage.send(name)
        held = {each.text: each for each in await late.take(len(calls))}
        owned = {each.text: each for each in await owner.take(len(calls))}

        for name, call in calls.items():
            with pytest.raises(LeaseLostError):
                await call(held[name].delivery)

        for each in owned.values():
            await each.delivery.extend()
            await each.ack()
        await stage.is_empty(owner)
        if stage.declares(Capability.DEAD_LETTER):
            assert await stage.broker.dead_letters() == []

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_unsettled_deliveries_are_counted(self, stage: Stage) -> None:
        """Each lease that runs out counts; a release does not, and does not reset the count."""
        task_id = await stage.send("count")
        seen: list[tuple[int, int]] = []
        for is_lost in (True, False, True):
            worker = await stage.stream()
            worker.renews = False
            held = await worker.next()
            seen.append((held.attempt, held.delivery.unsettled))
            if is_lost or not stage.declares(Capability.RELEASE):
                await worker.close()
            else:
                await held.release()
                await worker.close()

        last = await (await stage.stream()).next()

        seen.append((last.attempt, last.delivery.unsettled))
        releases = 1 if stage.declares(Capability.RELEASE) else 0
        assert last.task_id == task_id
        assert seen == [(1, 0), (2, 1), (3, 2 - releases), (4, 3 - releases)]

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_fences_grow(self, stage: Stage) -> None:
        """Every delivery has a higher fence than all before it, whatever its message."""
        first, second = await stage.stream(), await stage.stream()
        deliveries: list[Delivery] = []
        for worker in (first, second, first, second):
            await stage.send()
            held = await worker.next()
            deliveries.append(held.delivery)
            await held.ack()

        fences = [each.fence for each in deliveries if each.fence is not None]

        assert len(fences) == len(deliveries), "deliveries with a lease need a fence"
        assert fences == sorted(set(fences))

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_reclaim_says_how_many(self, stage: Stage) -> None:
        """`reclaim` counts the deliveries whose lease ran out, each once."""
        assert await stage.broker.reclaim() == 0
        worker = await stage.stream(2)
        worker.renews = False
        for text in ("a", "b"):
            await stage.send(text)
        held = await worker.take(2)
        await worker.close()
        await stage.lease_over(held[0])

        counts = [await stage.broker.reclaim(), await stage.broker.reclaim()]

        assert counts == [2, 0]

    @proves(Capability.LEASE, needs=WORKERS)
    async def test_long_task_with_a_short_lease_runs_once(self, stage: Stage) -> None:
        """A task that runs for longer than its lease is run once, with another worker waiting."""
        worker = await stage.stream()
        await stage.send()
        lease = stage.lease_of(held := await worker.next())
        await held.ack()
        await worker.close()
        runs: list[int] = []

        async def long() -> None:
            runs.append(1)
            await asyncio.sleep(2.5 * lease)

        stage.task("long", long)
        crews = [await stage.crew(), await stage.crew()]

        task = await stage.call("long")

        ended = [asyncio.create_task(crew.outcome_of(task.task_id)) for crew in crews]
        done, waiting = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        assert [type(each.result()) for each in done] == [Ack]
        assert runs == [1]
