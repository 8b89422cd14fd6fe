"""The scripts that run in the server, and the names by which it knows them."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

OF_A_QUEUE: Final = frozenset(
    {
        "abort",
        "aborted",
        "ack",
        "bury",
        "fetch",
        "purge",
        "reclaim",
        "release",
        "renew",
        "replay",
        "send",
        "stats",
    }
)
"""Those that begin with what all scripts of a queue share."""
OF_SCHEDULES: Final = frozenset(
    {"abandoned", "add_schedule", "claim", "confirm", "delete_schedule"}
)
"""Those that begin with what all scripts of a schedule source share."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script.

    Attributes:
        name: of its file.
        text: what the server runs.
        sha: by which the server finds it when it has seen it.
    """

    name: str
    text: bytes
    sha: bytes


@cache
def script(name: str) -> Script:
    """The script of a file in the folder `lua`."""
    files = resources.files("taskiq_redis") / "lua"
    text = (files / f"{name}.lua").read_bytes()
    if name in OF_A_QUEUE:
        text = (files / "_queue.lua").read_bytes() + text
    elif name in OF_SCHEDULES:
        text = (files / "_schedules.lua").read_bytes() + text
    return Script(name, text, hashlib.sha1(text).hexdigest().encode())  # noqa: S324  # as Redis does
