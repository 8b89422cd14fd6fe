"""RedisQueue: what can be done with the messages of one queue, each in one step of the server."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Collection, Sequence
from enum import IntEnum
from typing import Any, Final

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_core.exceptions import LeaseLostError, TaskiqError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_redis.errors import DuplicateKeyError, RedisRightsError
from taskiq_redis.keys import key_base
from taskiq_redis.line import Argument, Line
from taskiq_redis.messages import (
    Fetched,
    NewMessage,
    dead_letter,
    fetched,
    send_arguments,
    shown,
    task_id_of,
)
from taskiq_redis.scripts import script
from taskiq_redis.servers import Server

logger = logging.getLogger(__name__)

CHUNK: Final = 1_000
"""Messages that one call of a script is about at most: the server does nothing else meanwhile."""
LETTERS: Final = 100
"""Dead letters that one call is about at most: they have whole messages."""
LETTER_ID: Final = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")
LAST_LETTER: Final = 2**64 - 1
"""What either part of a letter's id may be at most."""
STATES: Final = (AbortState.UNKNOWN, AbortState.QUEUED, AbortState.RUNNING)
"""What the numbers of the script `abort` mean."""


class Renewal(IntEnum):
    """What the numbers of the script `renew` mean."""

    DONE = 0
    LOST = 1
    ABORTED = 2
    """The lease is renewed, and the abort of the task was asked for."""


class Hold:
    """One delivery of one message."""

    __slots__ = ("fence", "message_id")

    def __init__(self, message_id: bytes, fence: int) -> None:
        self.message_id = message_id
        self.fence = fence


class RedisQueue:
    """The messages of one queue; all keys begin with its name in braces, so share a cluster slot.

    ```
    {taskiq}:messages    hash    message id -> task name, line feed, bytes
    {taskiq}:ready       list    ids that wait, next one first
    {taskiq}:priorities  zset    ids that wait and have a priority; the score is its negative
    {taskiq}:delayed     zset    ids that wait for their time; the score is that
    {taskiq}:leases      zset    ids that are with workers; the score is when their lease runs out
    {taskiq}:deliveries  hash    message id -> fence (0 if it is with nobody), deliveries so far,
                                 those of them that were lost
    {taskiq}:extras      hash    message id -> priority, expires_after, unique_key as JSON
    {taskiq}:expiring    zset    ids that must be started in time; the score is until when
    {taskiq}:unique      hash    unique key -> message id
    {taskiq}:aborted     hash    ids whose abort was asked for
    {taskiq}:copies      set     ids of second messages of a task: its id, line feed, a number
    {taskiq}:dead        stream  dead letters: id, message, attempt, reason, error, extras
    {taskiq}:bell        list    one item if a worker that waits is to look
    {taskiq}:fence, :number      counters
    {taskiq}:aborts      channel ids of tasks that run and are to be aborted
    ```

    Points in time are milliseconds since the epoch, by the server's clock.

    Args:
        server: where it is.
        name: of the queue.
        timeout: seconds that an answer may take.
    """

    def __init__(self, server: Server, name: str, *, timeout: float) -> None:
        self.base = key_base(name)
        self.line = Line(server, self.base, timeout=timeout)
        self._bell = Line(server, self.base, timeout=timeout)
        self.send = Coalescer[Sequence[NewMessage], None](self._send, most=CHUNK)
        self.acknowledge = Coalescer[Hold, None](self._acknowledge, most=CHUNK)

    async def close(self) -> None:
        """Let what is under way end, and hang up."""
        await self._bell.close()
        await self.send.wait_idle()
        await self.acknowledge.wait_idle()
        await self.line.close()

    async def check_rights(self, *, with_results: bool) -> None:
        """Check what the user may do: a script that is cut short helps nobody.

        Args:
            with_results: whether results are kept on the same server.

        Raises:
            RedisRightsError: the user lacks a right.
        """
        missing = await self._run("rights", int(with_results))
        if missing:
            reason = "it lacks " + " ".join(each.decode() for each in missing)
            address = self.line.server.address
            raise RedisRightsError(address=address, command="a worker", reason=reason)

    # -- taking and settling ------------------------------------------------------------------

    async def fetch(self, limit: int, lease: float) -> Fetched:
        """Lease messages to this worker."""
        try:
            return fetched(await self._run("fetch", limit, lease))
        except RedisRightsError:
            await self.check_rights(with_results=False)  # says which, where the server does not
            raise

    async def wait(self, seconds: float) -> None:
        """Wait until a worker is to look for messages; at most so long."""
        key = f"{self.base}:bell"
        try:
            await self._bell.call("BLPOP", key, round(seconds, 3), patience=seconds)
        except asyncio.CancelledError:
            # Or the server would give the next ring to somebody who does not listen any more.
            await self._bell.close()
            raise

    async def release(self, hold: Hold, delay: float = 0.0) -> None:
        """Give a delivery back; LeaseLostError if it is another's by now."""
        if await self._run("release", hold.message_id, hold.fence, delay, 0):
            raise _lease_lost()

    async def give_back(self, hold: Hold) -> None:
        """Give a delivery back that was not begun, so that it was none."""
        await self._run("release", hold.message_id, hold.fence, 0, 1)

    async def bury(self, hold: Hold, reason: str, error: str | None) -> None:
        """Move a delivery to the dead letters; LeaseLostError if it is another's by now."""
        texts = (reason,) if error is None else (reason, error)
        # An error may quote anything, such as a file's name that is no text.
        encoded = (text.encode(errors="backslashreplace") for text in texts)
        arguments: list[Argument] = [hold.message_id, hold.fence, *encoded]
        if await self._run("bury", *arguments):
            raise _lease_lost()

    async def renew(self, holds: Sequence[Hold], lease: float) -> list[Renewal]:
        """Renew leases; what came of each."""
        renewals: list[Renewal] = []
        for first in range(0, len(holds), CHUNK):
            arguments = _pairs(holds[first : first + CHUNK])
            renewals += map(Renewal, await self._run("renew", lease, *arguments))
        return renewals

    async def reclaim(self) -> int:
        """Have deliveries whose lease ran out delivered again; how many there were."""
        count = reclaimed = int(await self._run("reclaim", CHUNK))
        while reclaimed == CHUNK:
            reclaimed = int(await self._run("reclaim", CHUNK))
            count += reclaimed
        return count

    # -- aborting -----------------------------------------------------------------------------

    async def abort(self, task_id: str) -> AbortState:
        """Mark a task's messages as aborted."""
        return STATES[int(await self._run("abort", task_id))]

    async def aborted(self) -> list[str]:
        """The tasks that run and are to be aborted."""
        return [shown(each) for each in await self._run("aborted")]

    # -- operators ----------------------------------------------------------------------------

    async def stats(self) -> QueueStats:
        """How many messages there are."""
        return QueueStats(*map(int, await self._run("stats")))

    async def purge(self) -> int:
        """Drop what waits; how many messages that was."""
        count, more = 0, 1
        while more:
            dropped, more = await self._run("purge", CHUNK)
            count += dropped
        return count

    async def dead_letters(self, limit: int, offset: int) -> list[DeadLetter]:
        """A page of the dead letters, those buried first first."""
        found = await self.line.call(
            "XRANGE", f"{self.base}:dead", "-", "+", "COUNT", limit + offset
        )
        return [dead_letter(*each) for each in found[offset:]]

    async def replay(self, letter_ids: Collection[str] | None) -> int:
        """Queue dead letters again; how many there were."""
        count = 0
        async for chunk in self._letters(letter_ids):
            replayed, unreadable = await self._run("replay", *chunk)
            count += int(replayed)
            if unreadable:
                stay = ", ".join(each.decode() for each in unreadable)
                logger.warning("Dead letters that can't be read are not replayed: %s", stay)
        return count

    async def purge_dead(self, letter_ids: Collection[str] | None) -> int:
        """Forget dead letters; how many there were."""
        count = 0
        async for chunk in self._letters(letter_ids):
            count += int(await self.line.call("XDEL", f"{self.base}:dead", *chunk))
        return count

    async def _letters(self, letter_ids: Collection[str] | None) -> AsyncGenerator[list[str], None]:
        """Ids of letters, in chunks; those that can be none are left out."""
        if letter_ids is not None:
            ids = [each for each in letter_ids if _is_letter_id(each)]
            for first in range(0, len(ids), LETTERS):
                yield ids[first : first + LETTERS]
            return
        last = await self.line.call("XREVRANGE", f"{self.base}:dead", "+", "-", "COUNT", 1)
        after = "-"
        while last:  # what is buried meanwhile is none of them
            page = ("XRANGE", f"{self.base}:dead", after, last[0][0], "COUNT", LETTERS)
            found = [each[0].decode() for each in await self.line.call(*page)]
            if not found:
                return
            yield found
            after = f"({found[-1]}"

    # -- calls --------------------------------------------------------------------------------

    async def _run(self, name: str, *arguments: Argument) -> Any:
        return await self.line.run(script(name), [self.base], *arguments)

    async def _send(self, groups: Sequence[Sequence[NewMessage]]) -> Sequence[TaskiqError | None]:
        answer = await self._run("send", *send_arguments(groups))
        if not answer:
            return [None] * len(groups)
        outcomes: list[TaskiqError | None] = [None] * len(groups)
        for number, key, holder in zip(answer[::3], answer[1::3], answer[2::3], strict=True):
            group = groups[int(number)]
            outcomes[int(number)] = DuplicateKeyError(
                task_name=group[0].task_name, unique_key=shown(key), holder=task_id_of(holder)
            )
        return outcomes

    async def _acknowledge(self, holds: Sequence[Hold]) -> Sequence[TaskiqError | None]:
        answer = await self._run("ack", *_pairs(holds))
        return [_lease_lost() if lost else None for lost in answer]


def _is_letter_id(text: str) -> bool:
    is_shaped = LETTER_ID.fullmatch(text) is not None
    return is_shaped and all(int(part) <= LAST_LETTER for part in text.split("-"))


def _pairs(holds: Sequence[Hold]) -> list[Argument]:
    arguments: list[Argument] = []
    for hold in holds:
        arguments += (hold.message_id, hold.fence)
    return arguments


def _lease_lost() -> LeaseLostError:
    return LeaseLostError(
        reason="it ran out and the message was reclaimed, or it was settled before"
    )
