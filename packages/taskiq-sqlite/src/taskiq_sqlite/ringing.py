"""Waking processes that wait for a change: a byte into the named pipe of each.

Who waits has a pipe in the folder `NAME.db-wake` beside the database. Who commits a change writes a
byte to each pipe of its topic; the pipes stay open, and the folder is listed again only when it has
changed. So an idle process costs nothing, and a busy one a `stat` and a few `write`s a commit.
"""

import contextlib
import errno
import os
import stat
import time
from pathlib import Path
from typing import Final

from taskiq_sqlite.listening import HAS_PIPES, NOT_YET, Listeners, wake_folder
from taskiq_sqlite.transaction import Topic

_UNSURE_NS: Final = 100_000_000
"""A folder's time of change is as coarse as the kernel's clock: after so long it is reliable."""


class Ringer:
    """Rings for all who wait for changes of one database; used by one thread.

    Args:
        database: path of the database.
        listeners: those of this process, which need no pipe.
    """

    def __init__(self, database: Path, listeners: Listeners) -> None:
        self._folder = wake_folder(database)
        self._listeners = listeners
        self._pipes: dict[str, int] = {}
        self._changed_ns = 0
        self._listed_ns = 0

    def ring(self, topics: set[Topic]) -> None:
        """Wake who waits for these topics, here and in other processes."""
        own = self._listeners.ring(topics)
        if not HAS_PIPES:
            return
        self._refresh(own)
        for name, pipe in tuple(self._pipes.items()):
            if name.partition("-")[0] in topics:
                self._write(name, pipe)

    def hang_up(self) -> None:
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
        except OSError:  # nobody has ever waited
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
            # Nobody reads it: its process was killed. Whatever else it is, its reader may live.
            if error.errno == errno.ENXIO:
                self._forget(name)

    def _write(self, name: str, pipe: int) -> None:
        try:
            os.write(pipe, b"!")
        except BlockingIOError:
            pass  # it is full of bytes that will wake its reader
        except BrokenPipeError:  # its reader is gone
            os.close(self._pipes.pop(name))
            self._forget(name)

    def _forget(self, name: str) -> None:
        with contextlib.suppress(OSError):
            (self._folder / name).unlink()
