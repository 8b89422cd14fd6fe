"""The consume loop: from a broker's stream of deliveries into the pool, for as long as it takes."""

import asyncio
import random
from collections.abc import Callable, Generator
from contextlib import aclosing, contextmanager
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.brokers.delivery_pool import DeliveryPool
from taskiq_core.brokers.outage import Outage
from taskiq_core.exceptions import BrokerSetupError, ListenError
from taskiq_core.flow.suspects import SuspectLane
from taskiq_core.messages.delivery import Delivery

ACTIVITY: Final = "Messages can't be listened for"
RECONNECT_BASE: Final = 0.5
"""Upper bound of the first wait before a broken stream is opened again, in seconds."""
RECONNECT_CAP: Final = 30.0
"""Upper bound of every such wait, in seconds."""
CALM: Final = 5.0
"""Seconds that a stream has to stay open, on an idle queue, before the trouble is over."""
LONGEST_TRY: Final = 60.0
"""Seconds after which a stream that broke is one that was open, and not one that was tried."""


async def consume(
    broker: AbstractBroker,
    pool: DeliveryPool[Delivery],
    *,
    suspects: SuspectLane,
    take: Callable[[Delivery], bool],
    on_trouble: Callable[[Exception | None], None],
    outage: Outage,
) -> None:
    """Submit what the broker delivers, never more than the pool has slots for.

    A stream that breaks is opened again after a jittered back-off; what runs goes on meanwhile.
    Returns when the broker's stream ends by itself.

    Args:
        broker: whose deliveries to run.
        pool: where they run.
        suspects: runs what is to be run alone; the stream is closed meanwhile, so that the worker
            holds nothing else.
        take: called for each delivery before it is run; False ends the loop.
        on_trouble: called with what the broker raised, and with None when messages come again, or
            the stream has stayed open for a while though none came.
        outage: logs failures.

    Raises:
        ListenError: the broker can't be listened to at all.
        BrokerSetupError: it can't, as it is set up.
    """
    trouble = _Trouble(outage, on_trouble)
    while True:
        try:
            await pool.slots.wait_free()
            with trouble.watching_stream():
                goes_on = await _consume_stream(broker, pool, suspects, take, trouble)
            await suspects.run_held()
        except (ListenError, BrokerSetupError):
            raise
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            await trouble.wait(error)
        else:
            if not goes_on:
                return


async def _consume_stream(
    broker: AbstractBroker,
    pool: DeliveryPool[Delivery],
    suspects: SuspectLane,
    take: Callable[[Delivery], bool],
    trouble: "_Trouble",
) -> bool:
    """Submit deliveries until a suspect comes, enough were taken, or the stream ends by itself.

    Returns:
        Whether there is more to consume; `suspects` holds the suspect, if there was one.
    """
    async with aclosing(broker.deliveries(pool.slots)) as deliveries:
        async for delivery in deliveries:
            if trouble.failures:
                trouble.is_over()
            goes_on = take(delivery)
            if suspects.is_suspect(delivery):
                suspects.hold(delivery)
                return goes_on
            pool.submit(delivery)
            if not goes_on:
                return False
            if pool.slots.taken >= pool.slots.limit:
                await pool.slots.wait_free()
    return False


class _Trouble:
    """How often in a row the stream broke."""

    def __init__(self, outage: Outage, on_change: Callable[[Exception | None], None]) -> None:
        self.failures = 0
        self._outage = outage
        self._on_change = on_change
        self._last_try = 0.0

    @contextmanager
    def watching_stream(self) -> Generator[None, None, None]:
        """Notice that a stream stays open; it gets twice as long as the last one took to break."""
        if not self.failures:
            yield
            return
        loop = asyncio.get_running_loop()
        opened_at = loop.time()
        calm = loop.call_later(CALM + 2 * self._last_try, self.is_over)
        try:
            yield
        finally:
            calm.cancel()
            # Even one that broke after its calm: some servers are out of reach only after a minute.
            self._last_try = min(LONGEST_TRY, loop.time() - opened_at)

    def is_over(self) -> None:
        self.failures = 0
        self._outage.succeeded(ACTIVITY)
        self._on_change(None)

    async def wait(self, error: Exception) -> None:
        self.failures += 1
        self._on_change(error)
        self._outage.failed(ACTIVITY, error)
        delay = backoff_delay(self.failures, base=RECONNECT_BASE, cap=RECONNECT_CAP, rng=random)
        await asyncio.sleep(delay)
