"""What a worker process knows of itself: its machine, its memory, its versions."""

import os
import platform
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from taskiq_core.plugins.discovery import discover

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE: Final = Path("/proc/self/ns/pid")
_MEMORY: Final = Path("/proc/self/statm")
_OWN_DISTRIBUTIONS: Final = ("taskiq", "taskiq-core")


def host_name() -> str:
    """Return the name of this machine."""
    return platform.node()


def process_space() -> str | None:
    """Return what processes have in common that see each other by their ids.

    That is one boot of one machine, and one namespace of process ids: a container has its own.

    Returns:
        Text to compare; None where it can't be found out.
    """
    try:
        return f"{_BOOT_ID.read_text().strip()} {_PID_NAMESPACE.readlink()}"
    except OSError:
        return None


def process_exists(pid: int) -> bool:
    """Return whether a process of this process space exists; any process that has the id counts."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # another user's
    return True


def resident_memory() -> int | None:
    """Return the resident bytes of this process; None where that can't be read."""
    try:
        return int(_MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def versions() -> dict[str, str]:
    """Return the versions of taskiq and of the plugins that are installed, by distribution."""
    return dict(_versions())


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Read the versions once: a process goes on with what it has imported."""
    found = {each.distribution: each.version for each in discover().candidates}
    for name in _OWN_DISTRIBUTIONS:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return tuple(sorted(found.items()))


def new_worker_id() -> str:
    """Return an id for a worker that has no supervisor to give it one."""
    return f"{host_name()}-{os.getpid()}-{os.urandom(4).hex()}"
