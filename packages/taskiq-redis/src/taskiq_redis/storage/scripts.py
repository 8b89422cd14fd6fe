"""The scripts that run in the server."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

QUEUE_SCRIPTS: Final = frozenset(
    {
        "abort",
        "aborted",
        "ack",
        "add_history",
        "announce",
        "bury",
        "fetch",
        "inspect",
        "move_to_now",
        "pause",
        "purge",
        "reclaim",
        "release",
        "renew",
        "replay",
        "send",
        "stats",
        "withdraw",
        "workers",
    }
)
"""Scripts that begin with `_queue.lua`."""
OPERATOR_SCRIPTS: Final = frozenset({"inspect"})
"""Scripts of a queue that neither workers nor clients need; they may need more rights."""
SCHEDULE_SCRIPTS: Final = frozenset(
    {"abandoned", "add_schedule", "claim", "confirm", "delete_schedule"}
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
    files = resources.files("taskiq_redis.storage") / "lua"
    text = (files / f"{name}.lua").read_bytes()
    if name in QUEUE_SCRIPTS:
        text = (files / "_queue.lua").read_bytes() + text
    elif name in SCHEDULE_SCRIPTS:
        text = (files / "_schedules.lua").read_bytes() + text
    return Script(name, text, hashlib.sha1(text).hexdigest().encode())  # noqa: S324  # as Redis does
