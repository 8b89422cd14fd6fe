"""EarlierQueue: the messages that taskiq-redis 1.x left in a list or a stream."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_redis.queue.store import QueueStore

PAGE: Final = 100
"""Messages that are moved in one step."""
CONSUMER: Final = "taskiq-redis-2"
"""The name in the consumer group of a stream by which messages are taken over."""


@dataclass(frozen=True, slots=True)
class EarlierMessages:
    """What is left in the key that has the name of the queue.

    Attributes:
        key: the name of the key.
        kind: `list` or `stream`; None if there is neither.
        waiting: messages that no worker has got.
        delivered: messages that a worker of 1.x has got and not acknowledged; of a stream only.
    """

    key: str
    kind: str | None
    waiting: int = 0
    delivered: int = 0


class EarlierQueue:
    """The list or the stream of 1.x; its key is the name of the queue without braces.

    Args:
        store: the queue that messages are moved to.
        formatter: reads messages.
        group: the consumer group of a stream.
        min_idle: seconds after which a message that a worker of 1.x has got counts as left.
    """

    def __init__(
        self, store: QueueStore, formatter: TaskiqFormatter, *, group: str, min_idle: float
    ) -> None:
        self._store = store
        self._call = store.connection.call
        self._key = store.name
        self._formatter = formatter
        self._group = group
        self._min_idle = min_idle

    async def count(self) -> EarlierMessages:
        """Count what is left."""
        kind = await self._kind()
        if kind == "list":
            return EarlierMessages(self._key, kind, waiting=await self._call("LLEN", self._key))
        if kind is None:
            return EarlierMessages(self._key, None)
        groups = await self._groups()
        if not groups:
            return EarlierMessages(self._key, kind, waiting=await self._call("XLEN", self._key))
        own = groups.get(self._group)
        if own is None:
            return EarlierMessages(self._key, kind)
        waiting = await self._count_after(own["last-delivered-id"].decode())
        return EarlierMessages(self._key, kind, waiting=waiting, delivered=own["pending"])

    async def take_over(self) -> int:
        """Move all that is left into the queue, the oldest message first.

        Each message is moved in one step of the server. Labels do not delay or order it, as they
        did not in 1.x.

        Returns:
            The number of messages moved.
        """
        match await self._kind():
            case "list":
                return await self._take_list()
            case "stream":
                return await self._take_stream()
            case _:
                return 0

    async def _kind(self) -> str | None:
        kind = await self._call("TYPE", self._key)
        name: str = kind.decode() if isinstance(kind, bytes) else kind
        return name if name in ("list", "stream") else None

    async def _take_list(self) -> int:
        count = 0
        while items := await self._call("LRANGE", self._key, -PAGE, -1):
            moved = await self._move("", [(item, item) for item in reversed(items)])
            count += moved
            if not moved:  # another worker has moved them
                break
        return count

    async def _take_stream(self) -> int:
        groups = await self._groups()
        if not groups:  # no worker and no client has ever started
            await self._call("XGROUP", "CREATE", self._key, self._group, 0)
        elif self._group not in groups:
            return 0
        return await self._take_delivered() + await self._take_waiting()

    async def _take_delivered(self) -> int:
        count, start = 0, b"0-0"
        idle = round(self._min_idle * 1000)
        while True:
            start, entries, *_ = await self._call(
                "XAUTOCLAIM", self._key, self._group, CONSUMER, idle, start, "COUNT", PAGE
            )
            count += await self._move_entries(entries)
            if start == b"0-0":
                return count

    async def _take_waiting(self) -> int:
        count = 0
        read = ("XREADGROUP", "GROUP", self._group, CONSUMER, "COUNT", PAGE, "STREAMS")
        while reply := await self._call(*read, self._key, ">"):
            found = reply.items() if isinstance(reply, dict) else reply
            for _, entries in found:
                count += await self._move_entries(entries)
        return count

    async def _move_entries(self, entries: Sequence[Any]) -> int:
        bodies: list[tuple[bytes, bytes]] = []
        for entry_id, fields in (each for each in entries if each is not None and each[1]):
            named = dict(zip(fields[::2], fields[1::2], strict=True))
            bodies.append((entry_id, named.get(b"data", b"")))
        return await self._move(self._group, bodies) if bodies else 0

    async def _move(self, group: str, entries: Sequence[tuple[bytes, bytes]]) -> int:
        arguments: list[bytes | str] = [group]
        for entry, body in entries:
            task_id, task_name = self._read(body)
            arguments += (entry, task_id, task_name.encode() + b"\n" + body)
        keys = (self._store.base, self._store.base, self._key)
        moved: int = await self._store.run("take_over", *arguments, keys=keys)
        return moved

    def _read(self, body: bytes) -> tuple[str, str]:
        """Return id and name of the task; a worker buries a message that can't be read."""
        try:
            message = self._formatter.loads(body)
            if "\n" not in message.task_id + message.task_name:
                return message.task_id, message.task_name
        except Exception:  # noqa: BLE001, S110  # any formatter; the worker says what is wrong
            pass
        return f"unreadable-{hashlib.sha256(body).hexdigest()[:32]}", "?"

    async def _groups(self) -> dict[str, dict[str, Any]]:
        found = await self._call("XINFO", "GROUPS", self._key)
        groups = [_by_name(each) for each in found]
        return {each["name"].decode(errors="backslashreplace"): each for each in groups}

    async def _count_after(self, entry_id: str) -> int:
        count, page = 0, 1_000
        while True:
            entries = await self._call("XRANGE", self._key, f"({entry_id}", "+", "COUNT", page)
            count += len(entries)
            if len(entries) < page:
                return count
            entry_id = entries[-1][0].decode()


def _by_name(fields: Any) -> dict[str, Any]:
    pairs = (
        fields.items() if isinstance(fields, dict) else zip(fields[::2], fields[1::2], strict=True)
    )
    return {name.decode(): value for name, value in pairs}
