"""A folder that the workers of one supervisor share, for as long as it lives."""

from __future__ import annotations

import os

VARIABLE = "TASKIQ_WORKERS_DIR"
"""The environment variable by which workers, and middlewares in them, find the folder."""
_PREFIX = "taskiq-workers-"


def make_shared_folder() -> str:
    """Make the folder, and tell those that will be started; remove those of dead supervisors.

    Only its owner can look into it. Its name begins with the supervisor's process id.
    """
    parent = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108  # the folder inside is private
    _remove_stale(parent)
    number = 0
    while True:
        folder = os.path.join(parent, f"{_PREFIX}{os.getpid()}-{number}")
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            number += 1
            continue
        os.environ[VARIABLE] = folder
        return folder


def remove_shared_folder(folder: str) -> None:
    """Remove the folder and what the workers left in it."""
    import shutil  # not before the end: it is not worth its memory until then

    shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(parent: str) -> None:
    for name in os.listdir(parent):
        pid = name.removeprefix(_PREFIX).partition("-")[0]
        folder = os.path.join(parent, name)
        if name.startswith(_PREFIX) and pid.isdigit() and _is_ours(folder) and not _lives(int(pid)):
            remove_shared_folder(folder)


def _is_ours(folder: str) -> bool:
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return status.st_uid == os.getuid()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's by now, but it lives
    return pid != os.getpid()  # one of our id that is not ours was there before us
