"""SpoolQueue: messages as files that wait in `new`, are leased in `claimed` or end in `dead`."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from taskiq_core import BrokerMessage
from taskiq_core.brokers.fetch_loop import Fetched
from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import LeasedDelivery, Renewal, lease_lost
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats

Ids = Collection[str] | None


class Name(NamedTuple):
    due: int  # nanoseconds since the epoch
    attempt: int
    unsettled: int
    key: int

    def __str__(self) -> str:
        return "-".join(map(str, self))


class SpoolQueue:
    """What the toolkit asks of a store. Each step is one rename, so that one process wins it."""

    def __init__(self, folder: Path, lease: float) -> None:
        self.lease = lease
        self.new, self.claimed, self.dead, self.unfinished = (
            folder / each for each in ("new", "claimed", "dead", "unfinished")
        )
        for each in (self.new, self.claimed, self.dead, self.unfinished):
            each.mkdir(parents=True, exist_ok=True)

    def put(self, message: BrokerMessage, delay: float) -> None:
        header = json.dumps({"task_id": message.task_id, "task_name": message.task_name})
        self.put_content(header.encode() + b"\n" + message.message, delay)

    def put_content(self, content: bytes, delay: float = 0.0) -> None:
        name = str(Name(_moment(delay), 0, 0, uuid4().int))
        (self.unfinished / name).write_bytes(content)
        (self.unfinished / name).rename(self.new / name)

    async def fetch(self, limit: int) -> Fetched[LeasedDelivery[Name]]:
        due = [name for name in self._waiting() if name.due <= _moment()]
        claims = [self._claim(name) for name in due[:limit]]
        return Fetched([claim for claim in claims if claim is not None])

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # the poll interval at most

    async def give_back(self, deliveries: Sequence[LeasedDelivery[Name]]) -> None:
        for token in [each.token for each in deliveries]:
            with suppress(LeaseLostError):
                self._move(token, self.new / str(token.message_id))

    async def acknowledge(self, token: LeaseToken[Name]) -> None:
        self._move(token, self.unfinished / str(token.message_id)).unlink()

    async def release(self, token: LeaseToken[Name], delay: float) -> None:
        due, attempt, unsettled, key = token.message_id
        due = _moment(delay) if delay else due
        self._move(token, self.new / str(Name(due, attempt + 1, unsettled, key)))

    async def bury(self, token: LeaseToken[Name], reason: str, error: str | None) -> None:
        facts = {"attempt": token.message_id.attempt + 1, "reason": reason, "error": error}
        letter = self.dead / f"{_moment()}.json"
        letter.write_text(json.dumps(facts))
        self._move(token, letter.with_suffix(".message"))

    async def renew(self, tokens: Sequence[LeaseToken[Name]], lease: float) -> list[Renewal]:
        return [Renewal(not _lease(self._file(token), lease)) for token in tokens]

    def reclaim(self) -> int:
        count = 0
        for file in self.claimed.iterdir():
            due, attempt, unsettled, key = _read(file.name.partition("@")[2])
            with suppress(FileNotFoundError):  # it was settled meanwhile
                if file.stat().st_mtime_ns < _moment():
                    file.rename(self.new / str(Name(due, attempt + 1, unsettled + 1, key)))
                    count += 1
        return count

    def stats(self) -> QueueStats:
        is_due = [name.due <= _moment() for name in self._waiting()]
        claimed, dead = len(list(self.claimed.iterdir())), len(self._letters())
        return QueueStats(is_due.count(True), claimed, is_due.count(False), dead)

    def dead_letters(self, limit: int, offset: int) -> list[DeadLetter]:
        return [_letter(file) for file in self._letters()[offset : offset + limit]]

    def remove_dead(self, ids: Ids, use: Callable[[bytes], object]) -> int:
        chosen = [file for file in self._letters() if ids is None or file.stem in ids]
        for file in chosen:
            use(file.read_bytes())
            file.unlink()
            file.with_suffix(".json").unlink()
        return len(chosen)

    def _letters(self) -> list[Path]:
        return sorted(self.dead.glob("*.message"))

    def _waiting(self) -> list[Name]:
        return sorted(_read(file.name) for file in self.new.iterdir())

    def _claim(self, name: Name) -> LeasedDelivery[Name] | None:
        token = LeaseToken(name, _moment())
        try:
            _lease(self.new / str(name), self.lease)  # first, or it could be reclaimed at once
            content = (self.new / str(name)).rename(self._file(token)).read_bytes()
        except FileNotFoundError:
            return None  # another process was faster
        header, _, data = content.partition(b"\n")
        return LeasedDelivery(
            data,
            queue=self,
            token=token,
            task_id=json.loads(header)["task_id"],
            attempt=name.attempt + 1,
            unsettled=name.unsettled,
            lease=self.lease,
        )

    # In `claimed` the fence stands before a name; the end of the lease is the last change's time.
    def _file(self, token: LeaseToken[Name]) -> Path:
        return self.claimed / f"{token.fence}@{token.message_id}"

    def _move(self, token: LeaseToken[Name], to: Path) -> Path:
        try:
            return self._file(token).rename(to)
        except FileNotFoundError:
            raise lease_lost() from None


def _read(text: str) -> Name:
    return Name(*map(int, text.split("-")))


def _moment(delay: float = 0.0) -> int:
    return time.time_ns() + int(delay * 1e9)


def _lease(file: Path, seconds: float) -> bool:
    with suppress(FileNotFoundError):
        os.utime(file, ns=(0, _moment(seconds)))
        return True
    return False


def _letter(file: Path) -> DeadLetter:
    header, _, data = file.read_bytes().partition(b"\n")
    facts = json.loads(header) | json.loads(file.with_suffix(".json").read_text())
    buried_at = datetime.fromtimestamp(int(file.stem) / 1e9, UTC)
    return DeadLetter(letter_id=file.stem, message=data, buried_at=buried_at, **facts)
