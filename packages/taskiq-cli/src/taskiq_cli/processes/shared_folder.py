"""A folder that the workers of one supervisor share, for as long as it lives.

The supervisor holds a lock (`flock`) on its folder. A folder without a lock is of a supervisor that
is gone. Process ids can't tell that: in a container every supervisor is process 1, and several
containers may share one folder for temporary files.
"""

from __future__ import annotations

import fcntl
import os

VARIABLE = "TASKIQ_WORKERS_DIR"
"""The environment variable by which workers, and middlewares in them, find the folder."""
_PREFIX = "taskiq-workers-"
_SYSTEM = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108  # the folder inside is private


class SharedFolder:
    """A new folder, which only its owner can look into, and the lock on it.

    Removes the folders of dead supervisors, and sets `TASKIQ_WORKERS_DIR` for child processes.

    Attributes:
        path: of the folder; it begins with the supervisor's process id, for people.

    Raises:
        OSError: no folder for temporary files can be written to.
    """

    def __init__(self) -> None:
        parent = temporary_folder()
        _remove_stale(parent)
        self.path, self._lock = _make_locked(parent)
        os.environ[VARIABLE] = self.path

    def remove(self) -> None:
        """Remove the folder with the files that workers left in it, then release the lock."""
        _remove(self.path)
        os.close(self._lock)


def temporary_folder() -> str:
    """The first folder for temporary files that exists and can be written to, `TMPDIR` first.

    Raises:
        FileNotFoundError: there is none.
    """
    named = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    candidates = [*filter(None, named), *_SYSTEM, os.getcwd()]
    for folder in candidates:
        if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return os.path.abspath(folder)
    raise FileNotFoundError(
        f"no folder for temporary files can be written to: {', '.join(candidates)}; set TMPDIR"
    )


def _make_locked(parent: str) -> tuple[str, int]:
    while True:
        name = f"{_PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
        folder = os.path.join(parent, name)
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            continue
        lock = _locked(folder, where_locks_work=True)
        if lock is not None:
            return folder, lock
        # Between two calls another supervisor took it for a stale one: the next name.


def _remove_stale(parent: str) -> None:
    for name in os.listdir(parent):
        folder = os.path.join(parent, name)
        if name.startswith(_PREFIX) and _is_ours(folder):
            lock = _locked(folder)
            if lock is not None:
                _remove(folder)
                os.close(lock)


def _locked(folder: str, *, where_locks_work: bool = False) -> int | None:
    """Lock a folder, until the descriptor is closed; child processes do not inherit it.

    Args:
        folder: the folder.
        where_locks_work: whether a file system without locks counts as a success.

    Returns:
        The descriptor that holds the lock; None if another process has the lock, or the folder is
        gone.
    """
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if _lock(lock, where_locks_work) and os.path.samestat(os.fstat(lock), os.lstat(folder)):
            return lock
    except OSError:
        pass  # the folder is gone
    os.close(lock)
    return None


def _lock(descriptor: int, where_locks_work: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return where_locks_work  # no process can lock it, so no other one takes it for stale
    return True


def _is_ours(folder: str) -> bool:
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return status.st_uid == os.getuid()


def _remove(folder: str) -> None:
    import shutil  # not before the end: it is not worth its memory until then

    shutil.rmtree(folder, ignore_errors=True)
