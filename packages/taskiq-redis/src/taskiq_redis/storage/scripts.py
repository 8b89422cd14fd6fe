"""The scripts that run in the server."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pkgutil import get_data
from typing import Final

_ENQUEUE: Final = ("_queue", "_time", "_enqueue")
_TICKS: Final = ("_queue", "_time", "_ticks")
QUEUE_SCRIPTS: Final[Mapping[str, tuple[str, ...]]] = {
    "abandoned_ticks": _TICKS,
    "abort": (*_ENQUEUE, "_lookup"),
    "aborted": (*_ENQUEUE, "_lookup"),
    "ack": ("_queue",),
    "add_history": ("_queue", "_time"),
    "announce": ("_queue", "_time"),
    "bury": ("_queue",),
    "claim_tick": _TICKS,
    "confirm_tick": _TICKS,
    "fetch": (*_ENQUEUE, "_text", "_lookup"),
    "fetch_plain": (),
    "inspect": (*_ENQUEUE, "_lookup"),
    "move_to_now": (*_ENQUEUE, "_lookup"),
    "pause": ("_queue", "_time"),
    "purge": ("_queue",),
    "reclaim": _ENQUEUE,
    "release": _ENQUEUE,
    "renew": ("_queue", "_time"),
    "replay": (*_ENQUEUE, "_text", "_store"),
    "send": (*_ENQUEUE, "_store"),
    "send_one": (),
    "stats": (*_ENQUEUE, "_lookup"),
    "take_over": (*_ENQUEUE, "_store"),
    "withdraw": ("_queue",),
    "workers": ("_queue", "_time"),
}
"""The scripts of a queue, each with the files that it begins with: functions that it shares.

A script makes its functions anew in each call, so it has only the ones that it needs.
"""
OPERATOR_SCRIPTS: Final = frozenset({"inspect"})
"""Scripts of a queue that neither workers nor clients need; they may need more rights."""
UPGRADE_SCRIPTS: Final = frozenset({"take_over"})
"""Scripts of a queue that need the rights to what taskiq-redis 1.x left."""
SCHEDULE_SCRIPTS: Final = frozenset(
    {
        "abandoned_schedule_ticks",
        "add_schedule",
        "claim_schedule_tick",
        "confirm_schedule_tick",
        "delete_schedule",
    }
)
"""Scripts that begin with `_schedules.lua`."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script of the folder `lua`.

    Attributes:
        name: of its file, without the suffix.
        text: its source, with the part that it shares with others.
        sha: the digest by which a server that has the script finds it.
    """

    name: str
    text: bytes
    sha: bytes


@cache
def script(name: str) -> Script:
    """Return a script by its name."""
    text = _read(name)
    parts = QUEUE_SCRIPTS.get(name, ("_schedules",) if name in SCHEDULE_SCRIPTS else ())
    for part in reversed(parts):
        text = _read(part) + text
    return Script(name, text, hashlib.sha1(text).hexdigest().encode())  # noqa: S324  # as Redis does


def _read(name: str) -> bytes:
    # importlib.resources would cost each worker half a megabyte.
    found = get_data("taskiq_redis.storage", f"lua/{name}.lua")
    if found is None:
        raise FileNotFoundError(f"taskiq_redis/storage/lua/{name}.lua")
    return found
