"""Notifications of changes, within a process and between processes.

Each waiter has a named pipe in the folder `NAME.db-wake` beside the database. The process that
commits a change writes a byte to each pipe of its topic; the pipes stay open, and the folder is
listed again only when it has changed. So an idle process costs nothing, and a busy one a `stat` and
a few `write`s for each commit.
"""

import asyncio
import contextlib
import errno
import os
import secrets
import stat
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from taskiq_sqlite.storage.transaction import Topic

HAS_PIPES: Final = hasattr(os, "mkfifo")
"""Whether processes can be notified; where not, waiting ends by its time limit."""
NOT_YET: Final = "."
"""Begins the name of a pipe that its reader has not opened yet."""
_PIPE_SIZE: Final = 65_536
_UNSURE_NS: Final = 100_000_000
"""A folder's time of change is as coarse as the kernel's clock: after so long it is reliable."""


def wake_folder(database: Path) -> Path:
    """Return the folder of the pipes of a database."""
    return database.with_name(database.name + "-wake")


class LocalWakeups:
    """The wakeups of this process for one database."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._wakeups: set[Wakeup] = set()

    def wakeup(self, topic: Topic) -> "Wakeup":
        """Make a wakeup, which is a context manager."""
        return Wakeup(self, topic)

    def notify(self, topics: set[Topic]) -> set[str]:
        """Set the wakeups of these topics, from any thread.

        Returns:
            The names of all wakeups of this process.
        """
        wakeups = tuple(self._wakeups)
        for wakeup in wakeups:
            if wakeup.topic in topics:
                wakeup.set()
        return {wakeup.name for wakeup in wakeups}

    def add(self, wakeup: "Wakeup") -> int | None:
        """Register a wakeup and return its pipe, if there can be one."""
        pipe = None
        if HAS_PIPES:
            with contextlib.suppress(OSError):
                pipe = self._make_pipe(wakeup.name)
        self._wakeups.add(wakeup)
        return pipe

    def remove(self, wakeup: "Wakeup") -> None:
        """Forget a wakeup, and remove its pipe."""
        self._wakeups.discard(wakeup)
        with contextlib.suppress(OSError):
            (wake_folder(self._database) / wakeup.name).unlink()

    def _make_pipe(self, name: str) -> int:
        folder, mode = wake_folder(self._database), self._mode()
        folder.mkdir(mode=mode | (mode & 0o444) >> 2, exist_ok=True)
        hidden = folder / (NOT_YET + name)
        os.mkfifo(hidden, mode)
        try:
            # For writing, too: a pipe without a writer is at its end, and never quiet.
            pipe = os.open(hidden, os.O_RDWR | os.O_NONBLOCK)
        except OSError:
            hidden.unlink()
            raise
        # Only now: a pipe without a reader is taken for that of a dead process.
        hidden.rename(folder / name)
        return pipe

    def _mode(self) -> int:
        """Return the mode of a pipe: who may write to the database may notify."""
        try:
            return stat.S_IMODE(self._database.stat().st_mode) & 0o666 | 0o600
        except OSError:
            return 0o600


class Wakeup:
    """Waits for a change; for one waiter, in one event loop.

    The order that misses nothing: `clear`, look for what has changed, and only then `wait`.
    """

    def __init__(self, wakeups: LocalWakeups, topic: Topic) -> None:
        self.topic = topic
        self.name = f"{topic.value}-{os.getpid()}-{secrets.token_hex(4)}"
        self._wakeups = wakeups
        self._pid = os.getpid()
        self._pipe: int | None = None
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._pipe = self._wakeups.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
        if self._pid == os.getpid():  # else the name is still our parent's
            self._wakeups.remove(self)

    def set(self) -> None:
        """Wake the waiter; from any thread."""
        self._is_set = True
        waiter = self._waiter
        if waiter is not None:
            with contextlib.suppress(RuntimeError):  # its loop is closed
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    def clear(self) -> None:
        """Forget the notifications so far."""
        self._is_set = False
        if self._pipe is not None:
            with contextlib.suppress(BlockingIOError):
                while len(os.read(self._pipe, _PIPE_SIZE)) == _PIPE_SIZE:
                    pass

    async def wait(self, timeout: float) -> None:
        """Wait until it is set, or has been since it was cleared, or the seconds are over."""
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        timer = loop.call_later(timeout, _wake, waiter)
        if self._pipe is not None:
            loop.add_reader(self._pipe, _wake, waiter)
        try:
            # After `_waiter` is there for `set` to see, which does it in the other order.
            if not self._is_set:
                await waiter
        finally:
            self._waiter = None
            timer.cancel()
            if self._pipe is not None:
                loop.remove_reader(self._pipe)


class Notifier:
    """Notifies all waiters of changes of one database; used by one thread.

    Args:
        database: path of the database.
        wakeups: those of this process, which need no pipe.
    """

    def __init__(self, database: Path, wakeups: LocalWakeups) -> None:
        self._folder = wake_folder(database)
        self._wakeups = wakeups
        self._pipes: dict[str, int] = {}
        self._changed_ns = 0
        self._listed_ns = 0

    def notify(self, topics: set[Topic]) -> None:
        """Wake the waiters of these topics, here and in other processes."""
        own = self._wakeups.notify(topics)
        if not HAS_PIPES:
            return
        self._refresh(own)
        for name, pipe in tuple(self._pipes.items()):
            if name.partition("-")[0] in topics:
                self._write(name, pipe)

    def close(self) -> None:
        """Close the pipes."""
        for pipe in self._pipes.values():
            os.close(pipe)
        self._pipes.clear()

    def _refresh(self, own: set[str]) -> None:
        try:
            changed = self._folder.stat().st_mtime_ns
            if changed == self._changed_ns and self._listed_ns - changed > _UNSURE_NS:
                return
            self._changed_ns, self._listed_ns = changed, time.time_ns()
            names = set(os.listdir(self._folder))  # noqa: PTH208  # names, many times a second
        except OSError:  # no process has ever waited
            names = set()
        for name in self._pipes.keys() - names:
            os.close(self._pipes.pop(name))
        for name in names - self._pipes.keys() - own:
            if not name.startswith(NOT_YET):
                self._open(name)

    def _open(self, name: str) -> None:
        path = self._folder / name
        try:
            if stat.S_ISFIFO(path.lstat().st_mode):
                self._pipes[name] = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            # It has no reader: its process was killed. After another error its reader may live.
            if error.errno == errno.ENXIO:
                self._remove(name)

    def _write(self, name: str, pipe: int) -> None:
        try:
            os.write(pipe, b"!")
        except BlockingIOError:
            pass  # it is full of bytes that will wake its reader
        except BrokenPipeError:  # its reader is gone
            os.close(self._pipes.pop(name))
            self._remove(name)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            (self._folder / name).unlink()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
