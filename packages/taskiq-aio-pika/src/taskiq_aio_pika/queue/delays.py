"""Delays: stages of queues with fixed waiting times, in which no message waits for another.

```
exchange Q.delay.3 --bit 3 is 1--> queue Q.delay.3 (waits 0.8 s) --+
    |                                                              |
    +--bit 3 is 0--> exchange Q.delay.2 <--------------------------+ ... --> queue Q
```

A delay is a binary number of tenths of a second, and the routing key has its digits. All messages
in one queue wait equally long, so the first one in is the first one out.

Source: the delay infrastructure of NServiceBus for RabbitMQ, 2017.
"""

from math import ceil
from typing import Any, Final

import aiormq.abc

from taskiq_aio_pika.storage.connection import RabbitConnection

STEP: Final = 0.1
"""Seconds of the lowest level; a delay is rounded up to a multiple."""
LEVELS: Final = 26
"""So many digits; RabbitMQ has no time to live above 49 days, the highest level is 39."""
MAX_DELAY: Final = ((1 << LEVELS) - 1) * STEP
"""Seconds, 77 days."""


def steps_of(delay: float) -> int:
    """Return a delay in steps, rounded up, at most the highest number that the stages have."""
    # What 0.3 is in binary must not become four steps.
    return min(ceil(round(delay / STEP, 6)), (1 << LEVELS) - 1)


def routing_key(steps: int) -> str:
    """Return the digits, highest first, with dots between them."""
    return ".".join(f"{steps:0{LEVELS}b}")


def level_of(steps: int) -> int:
    """Return the highest level that a message waits in."""
    return steps.bit_length() - 1


def level_name(queue: str, level: int) -> str:
    """Return the name of the exchange and of the queue of a level."""
    return f"{queue}.delay.{level:02}"


def stages_name(queue: str) -> str:
    """Return the name of the exchange that is declared last: all stages are there."""
    return f"{queue}.delay"


class DelayStages:
    """The delays of some queues, on one connection; declares what a delay needs.

    Args:
        connection: of the event loop.
    """

    def __init__(self, connection: RabbitConnection) -> None:
        self._connection = connection
        self._ready: set[str] = set()

    def forget(self, queue: str) -> None:
        """Declare the stages of a queue again when it is needed next."""
        self._ready = {name for name in self._ready if not name.startswith(stages_name(queue))}

    async def route(self, queue: str, delay: float) -> tuple[str, str]:
        """Return exchange and routing key for a message that is to wait.

        Args:
            queue: where it goes afterwards.
            delay: seconds, above 0.
        """
        steps = steps_of(delay)
        await self._declare_stages(queue)
        for level in range(LEVELS):
            if steps >> level & 1:
                await self._declare_level(queue, level)
        return level_name(queue, level_of(steps)), routing_key(steps)

    async def _declare_stages(self, queue: str) -> None:
        name = stages_name(queue)
        if name in self._ready:
            return
        if not await self._connection.has_exchange(name):
            async with self._connection.channel() as channel:
                for level in range(LEVELS):
                    await _declare_exchange(channel, queue, level)
                await channel.exchange_declare(name, exchange_type="topic", durable=True)
        self._ready.add(name)

    async def _declare_level(self, queue: str, level: int) -> None:
        name = level_name(queue, level)
        if name in self._ready:
            return
        async with self._connection.channel() as channel:
            await channel.queue_declare(name, durable=True, arguments=_arguments(queue, level))
            await channel.queue_bind(name, name, _pattern(level, 1))
        self._ready.add(name)


async def _declare_exchange(channel: aiormq.abc.AbstractChannel, queue: str, level: int) -> None:
    """Declare the exchange of a level, and what messages do that do not wait there."""
    name = level_name(queue, level)
    await channel.exchange_declare(name, exchange_type="topic", durable=True)
    if level:
        below = level_name(queue, level - 1)
        await channel.exchange_bind(below, name, _pattern(level, 0))
    else:
        await channel.queue_bind(queue, name, _pattern(level, 0))


def _pattern(level: int, digit: int) -> str:
    """Return the binding key of messages that have a digit at a level."""
    return ".".join(["*"] * (LEVELS - 1 - level) + [str(digit), "#"])


def _arguments(queue: str, level: int) -> dict[str, Any]:
    """Return the arguments of the queue of a level."""
    onwards = {"x-dead-letter-exchange": level_name(queue, level - 1)}
    if level == 0:
        onwards = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue}
    return {
        "x-queue-type": "quorum",
        "x-message-ttl": round(STEP * 1000) << level,
        "x-overflow": "reject-publish",
        "x-dead-letter-strategy": "at-least-once",
        **onwards,
    }
