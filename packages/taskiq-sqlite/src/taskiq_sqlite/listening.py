"""Waiting for a change that another thread or process commits."""

import asyncio
import contextlib
import os
import secrets
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from taskiq_sqlite.transaction import Topic

HAS_PIPES: Final = hasattr(os, "mkfifo")
"""Whether processes can be woken; where not, waiting ends by its time limit."""
NOT_YET: Final = "."
"""Begins the name of a pipe that its reader has not opened yet."""
_PIPE_SIZE: Final = 65_536


def wake_folder(database: Path) -> Path:
    """Where the pipes are of those who wait for changes of a database."""
    return database.with_name(database.name + "-wake")


class Listeners:
    """Those in this process who wait for changes of one database."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._all: set[Listener] = set()

    def listen(self, topic: Topic) -> "Listener":
        """One more; a context manager."""
        return Listener(self, topic)

    def ring(self, topics: set[Topic]) -> set[str]:
        """Wake those of these topics, from any thread; returns the names of all."""
        listeners = tuple(self._all)
        for listener in listeners:
            if listener.topic in topics:
                listener.ring()
        return {listener.name for listener in listeners}

    def add(self, listener: "Listener") -> int | None:
        """Know a listener; its pipe, if there can be one."""
        pipe = None
        if HAS_PIPES:
            with contextlib.suppress(OSError):
                pipe = self._make_pipe(listener.name)
        self._all.add(listener)
        return pipe

    def remove(self, listener: "Listener") -> None:
        """Forget a listener, and its pipe."""
        self._all.discard(listener)
        with contextlib.suppress(OSError):
            (wake_folder(self._database) / listener.name).unlink()

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
        # Only now: a pipe that nobody reads is taken for that of a dead process.
        hidden.rename(folder / name)
        return pipe

    def _mode(self) -> int:
        """Who may write to the database may wake the others."""
        try:
            return stat.S_IMODE(self._database.stat().st_mode) & 0o666 | 0o600
        except OSError:
            return 0o600


class Listener:
    """Waits for a change; for one waiter, in one event loop.

    The order that misses nothing: `clear`, look whether there is something, and only then `wait`.
    """

    def __init__(self, listeners: Listeners, topic: Topic) -> None:
        self.topic = topic
        self.name = f"{topic.value}-{os.getpid()}-{secrets.token_hex(4)}"
        self._listeners = listeners
        self._pid = os.getpid()
        self._pipe: int | None = None
        self._has_rung = False
        self._waiter: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._pipe = self._listeners.add(self)
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
            self._listeners.remove(self)

    def ring(self) -> None:
        """Wake the waiter; from any thread."""
        self._has_rung = True
        waiter = self._waiter
        if waiter is not None:
            with contextlib.suppress(RuntimeError):  # its loop is closed
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    def clear(self) -> None:
        """Forget what has rung so far."""
        self._has_rung = False
        if self._pipe is not None:
            with contextlib.suppress(BlockingIOError):
                while len(os.read(self._pipe, _PIPE_SIZE)) == _PIPE_SIZE:
                    pass

    async def wait(self, timeout: float) -> None:
        """Wait until it rings, or has since it was cleared, or the seconds are over."""
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        timer = loop.call_later(timeout, _wake, waiter)
        if self._pipe is not None:
            loop.add_reader(self._pipe, _wake, waiter)
        try:
            # After `_waiter` is there for `ring` to see, which does it in the other order.
            if not self._has_rung:
                await waiter
        finally:
            self._waiter = None
            timer.cancel()
            if self._pipe is not None:
                loop.remove_reader(self._pipe)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
