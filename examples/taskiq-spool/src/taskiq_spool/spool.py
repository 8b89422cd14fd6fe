"""The folders: `new`, `claimed` and `dead`, and how files move between them."""

import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from taskiq_spool.names import Name


@dataclass(frozen=True, slots=True)
class Claim:
    """A file in `claimed` that this process has locked; the kernel unlocks it when we die."""

    path: Path
    name: Name
    lock: int

    def unlock(self) -> None:
        """Let go: if the file is still there, another worker takes it."""
        os.close(self.lock)


class Spool:
    """The messages of one folder; every step is one rename, which succeeds for one process."""

    def __init__(self, folder: Path) -> None:
        self.new, self.claimed, self.dead = (folder / each for each in ("new", "claimed", "dead"))
        self._unfinished = folder / "tmp"
        for each in (self.new, self.claimed, self.dead, self._unfinished):
            each.mkdir(parents=True, exist_ok=True)

    def put(self, task_id: str, content: bytes) -> None:
        """Write a message, and show it to workers when it is whole."""
        name = str(Name(time.time_ns(), task_id))
        (self._unfinished / name).write_bytes(content)
        (self._unfinished / name).rename(self.new / name)

    def claims(self) -> Iterator[Claim]:
        """Claim what waits, in the order of sending; each is claimed when it is asked for."""
        for path in sorted(self.new.iterdir()):
            lock = _lock(path)
            if lock is None:
                continue  # another worker was faster
            name = Name.read(path.name).delivered()
            if _move(path, self.claimed / str(name)):
                yield Claim(self.claimed / str(name), name, lock)
            else:
                os.close(lock)

    def put_back(self, claim: Claim) -> bool:
        """Have a message delivered again; whether it was still ours."""
        return self._give_up(claim, self.new / str(claim.name))

    def recover(self) -> None:
        """Put back what dead workers had: it is not locked any more."""
        for path in self.claimed.iterdir():
            lock = _lock(path)
            if lock is not None:
                _move(path, self.new / str(Name.read(path.name).lost()))
                os.close(lock)

    def forget(self, claim: Claim) -> bool:
        """Delete a message; whether it was still ours."""
        try:
            claim.path.unlink()
        except FileNotFoundError:
            return False
        claim.unlock()
        return True

    def bury(self, claim: Claim, letter_id: str) -> bool:
        """Move a message to the dead letters; whether it was still ours."""
        return self._give_up(claim, self.dead / f"{letter_id}.message")

    @staticmethod
    def _give_up(claim: Claim, to: Path) -> bool:
        if not _move(claim.path, to):
            return False
        claim.unlock()
        return True


def _lock(path: Path) -> int | None:
    """Lock a file, unless it is gone or somebody else's."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _move(path: Path, to: Path) -> bool:
    try:
        path.rename(to)
    except FileNotFoundError:
        return False
    return True
