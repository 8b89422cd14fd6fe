"""DeliveryPool: so many deliveries at once, the others wait for a place."""

import asyncio

import pytest

from taskiq_core.brokers import delivery_pool
from taskiq_core.brokers.delivery_pool import DeliveryPool
from taskiq_core.brokers.delivery_task import DeliveryTask
from taskiq_core.messages.delivery import AckOnlyDelivery


class Handler:
    """Runs deliveries until the test lets them end; remembers which were begun and done."""

    def __init__(self) -> None:
        self.begun: list[bytes] = []
        self.done: list[bytes] = []
        self.gates: dict[bytes, asyncio.Event] = {}

    async def __call__(self, delivery: AckOnlyDelivery) -> None:
        self.begun.append(delivery.data)
        await self.gates.setdefault(delivery.data, asyncio.Event()).wait()

    def on_done(self, delivery: AckOnlyDelivery) -> None:
        self.done.append(delivery.data)

    def end(self, name: bytes) -> None:
        self.gates.setdefault(name, asyncio.Event()).set()


def pool_of(
    handler: Handler, limit: int | None, prefetch: int = 0
) -> DeliveryPool[AckOnlyDelivery]:
    return DeliveryPool(handler, limit=limit, prefetch=prefetch, on_done=handler.on_done)


def submit(pool: DeliveryPool[AckOnlyDelivery], *names: bytes) -> None:
    for name in names:
        pool.submit(AckOnlyDelivery(name, None))


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_run_at_once_than_the_limit() -> None:
    handler = Handler()
    pool = pool_of(handler, 2, prefetch=1)
    submit(pool, b"a", b"b", b"c")
    await turns()
    assert handler.begun == [b"a", b"b"]
    assert [each.data for each in pool.waiting] == [b"c"]
    assert pool.slots.free == 0

    handler.end(b"b")
    await turns()

    assert handler.begun == [b"a", b"b", b"c"]
    assert handler.done == [b"b"]
    assert [each.data for each in pool.running] == [b"a", b"c"]
    assert pool.slots.free == 1
    await pool.cancel()


async def test_without_a_limit_all_run() -> None:
    handler = Handler()
    pool = pool_of(handler, None)
    submit(pool, *(bytes([number]) for number in range(50)))

    await turns()

    assert len(handler.begun) == 50
    await pool.cancel()
    assert pool.running == []


async def test_withdrawn_deliveries_free_their_slots_and_never_run() -> None:
    handler = Handler()
    pool = pool_of(handler, 1, prefetch=2)
    submit(pool, b"a", b"b", b"c")
    await turns()

    assert [each.data for each in pool.withdraw()] == [b"b", b"c"]

    assert pool.slots.free == 2
    handler.end(b"a")
    await pool.wait_idle()
    assert handler.begun == [b"a"]


async def test_idle_when_the_last_one_has_ended() -> None:
    handler = Handler()
    pool = pool_of(handler, 1)
    await asyncio.wait_for(pool.wait_idle(), 5)
    submit(pool, b"a", b"b")
    waiting = [asyncio.create_task(pool.wait_idle()) for _ in range(2)]
    handler.end(b"a")
    await turns()
    assert not any(task.done() for task in waiting)

    handler.end(b"b")

    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert handler.done == [b"a", b"b"]


async def test_one_who_gives_up_waiting_disturbs_nobody() -> None:
    handler = Handler()
    pool = pool_of(handler, 1)
    submit(pool, b"a")
    impatient, patient = (asyncio.create_task(pool.wait_idle()) for _ in range(2))
    await turns()

    impatient.cancel()
    await asyncio.wait({impatient})
    handler.end(b"a")

    await asyncio.wait_for(patient, 5)


async def test_cancelling_waits_until_the_handlers_have_settled() -> None:
    settled: list[bytes] = []

    async def handle(delivery: AckOnlyDelivery) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            settled.append(delivery.data)

    pool: DeliveryPool[AckOnlyDelivery] = DeliveryPool(handle, limit=2)
    submit(pool, b"a", b"b")  # not even begun: their first step comes with the next turn

    await pool.cancel()

    assert settled == [b"a", b"b"]
    assert pool.slots.taken == 0


async def test_a_handler_that_raises_frees_its_place() -> None:
    loop, seen = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: seen.append(context["exception"]))

    async def handle(delivery: AckOnlyDelivery) -> None:
        if delivery.data == b"a":
            raise ValueError("a defect")

    handler = Handler()
    pool: DeliveryPool[AckOnlyDelivery] = DeliveryPool(handle, limit=1, on_done=handler.on_done)
    submit(pool, b"a", b"b")

    await asyncio.wait_for(pool.wait_idle(), 5)

    assert handler.done == [b"a", b"b"]
    assert pool.slots.taken == 0


def test_a_loop_that_ended_does_not_hold_up_the_next_one() -> None:
    handler = Handler()
    pool = pool_of(handler, 1)

    async def leave() -> None:
        submit(pool, b"a")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.wait_idle(), 0.01)

    async def use() -> None:
        handler.end(b"b")
        submit(pool, b"b")
        await asyncio.wait_for(pool.wait_idle(), 5)

    asyncio.run(leave())
    asyncio.run(use())

    assert handler.done == [b"a", b"b"]


async def test_what_waits_is_not_started_only_to_be_cancelled() -> None:
    handler = Handler()
    pool = pool_of(handler, 1, prefetch=2)
    submit(pool, b"a", b"b", b"c")
    await turns()

    await pool.cancel()

    assert handler.begun == [b"a"]
    assert [each.data for each in pool.withdraw()] == [b"b", b"c"]


async def test_settlement_under_way_is_not_cancelled() -> None:
    settled = asyncio.Event()
    steps: list[str] = []

    async def handle(_delivery: AckOnlyDelivery) -> None:
        task = asyncio.current_task()
        assert isinstance(task, DeliveryTask)
        task.is_settling = True
        await settled.wait()
        steps.append("settled")

    pool = DeliveryPool(handle, limit=1)
    pool.submit(AckOnlyDelivery(b"a", None))
    await turns()

    cancelling = asyncio.create_task(pool.cancel())
    await turns()
    settled.set()
    await cancelling

    assert steps == ["settled"]


async def test_settlement_that_hangs_is_cancelled_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery_pool, "SETTLE_TIMEOUT", 0.01)

    async def handle(_delivery: AckOnlyDelivery) -> None:
        task = asyncio.current_task()
        assert isinstance(task, DeliveryTask)
        task.is_settling = True
        await asyncio.Event().wait()

    pool = DeliveryPool(handle, limit=1)
    pool.submit(AckOnlyDelivery(b"a", None))

    async with asyncio.timeout(20):
        await pool.cancel()

    assert pool.running == []
