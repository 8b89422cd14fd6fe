"""Phrases for how a process ended."""

from __future__ import annotations

import signal


def describe_exit(code: int) -> str:
    """The phrase for an exit status, for a log line.

    Args:
        code: as of `os.waitstatus_to_exitcode`: negative for a signal.
    """
    if code >= 0:
        return (
            "has ended without being asked" if code == 0 else f"has failed with exit status {code}"
        )
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return "was killed by SIGKILL (by a person or program, or for lack of memory)"
    return f"was killed by {name}"
