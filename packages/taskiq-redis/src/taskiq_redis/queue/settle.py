"""Settling: deliveries are acknowledged, released, buried, renewed and reclaimed."""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeAlias

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import LeasedDelivery, Renewal, lease_lost
from taskiq_core.exceptions import TaskiqError
from taskiq_redis.queue.store import CHUNK, QueueStore
from taskiq_redis.storage.connection import Argument

RedisDelivery: TypeAlias = LeasedDelivery[bytes]
"""One message, leased to this worker; its store knows it by the message id."""


class Settler:
    """Settles the deliveries of one queue; the `FailureCountingQueue` of its deliveries.

    Attributes:
        name: the name of the queue.
        acknowledge: forgets the message of a token.

    Args:
        store: has the queue.
        queue: its name.
    """

    def __init__(self, store: QueueStore, queue: str) -> None:
        self.name = queue
        self._store = store
        self._keys = store.keys_of((queue,))
        self.acknowledge = Coalescer[LeaseToken[bytes], None](self._acknowledge, most=CHUNK)

    async def release(
        self, token: LeaseToken[bytes], delay: float = 0.0, failures: int | None = None
    ) -> None:
        """Queue the message again; also if the server's memory is full.

        Args:
            token: the lease on the message.
            delay: seconds until it is due.
            failures: how often its task has failed; None for as often as before.
        """
        count = "" if failures is None else failures
        if await self._run("release", token.message_id, token.fence, delay, 0, count):
            raise lease_lost()

    async def bury(self, token: LeaseToken[bytes], reason: str, error: str | None) -> None:
        """Move the message to the dead letters.

        Args:
            token: the lease on the message.
            reason: why it is buried, in a few words.
            error: the task's last error as text; None if it had no error.

        Raises:
            LeaseLostError: another worker has the message.
        """
        texts = (reason,) if error is None else (reason, error)
        # An error may quote anything, such as the name of a file that is not text.
        encoded = (text.encode(errors="backslashreplace") for text in texts)
        if await self._run("bury", token.message_id, token.fence, *encoded):
            raise lease_lost()

    async def renew(self, tokens: Sequence[LeaseToken[bytes]], lease: float) -> Sequence[Renewal]:
        """Extend leases, a thousand in each call of the script."""
        renewals: list[Renewal] = []
        for first in range(0, len(tokens), CHUNK):
            arguments = _flat(tokens[first : first + CHUNK])
            renewals += map(Renewal, await self._run("renew", lease, *arguments))
        return renewals

    async def give_back(self, deliveries: Sequence[RedisDelivery]) -> None:
        """Return unstarted deliveries without counting an attempt, to the places that they had.

        A delivery that can't be returned stays leased until its lease runs out.
        """
        # The last one first: each goes to the head of the queue. An expired one was not counted.
        returns = (
            self._run("release", each.token.message_id, each.token.fence, 0, int(not each.expired))
            for each in reversed(deliveries)
        )
        await asyncio.gather(*returns, return_exceptions=True)

    async def reclaim(self, owner: str | None = None) -> int:
        """Have deliveries delivered again whose lease ran out, or all of one worker.

        Args:
            owner: the worker; None for all whose lease ran out.

        Returns:
            The number of messages given back.
        """
        count, score, offset = 0, b"-inf", 0
        while score:
            place = () if owner is None else (owner, score, offset)
            reclaimed, score, offset = await self._run("reclaim", CHUNK, *place)
            count += reclaimed
        return count

    async def _run(self, name: str, *arguments: Argument) -> Any:
        return await self._store.run(name, *arguments, keys=self._keys)

    async def _acknowledge(
        self, tokens: Sequence[LeaseToken[bytes]]
    ) -> Sequence[TaskiqError | None]:
        answer = await self._run("ack", *_flat(tokens))
        return [lease_lost() if lost else None for lost in answer]


def _flat(tokens: Sequence[LeaseToken[bytes]]) -> list[Argument]:
    arguments: list[Argument] = []
    for token in tokens:
        arguments += token
    return arguments
