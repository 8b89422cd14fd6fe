"""The health document, made from the state files of the workers and from their silence.

```
state            running, degraded, draining or starting: of all workers together
reason           why it is degraded
broker           its path
pid              of the supervisor
started_at       when the supervisor began, in UTC
slots            {total, free}: messages that the workers may hold; null for no limit
running_tasks    the number of running tasks
last_message_at  when a message came last, in UTC
workers          a list with these keys for each worker, and its name; its state may also be
                 "unresponsive" (it writes nothing), "down" (it has ended unexpectedly) or
                 "stopped" (it has left)
```
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SILENCE = 5.0
"""Seconds without a word after which a worker that should write each second is unresponsive."""
_BAD = ("degraded", "unresponsive", "down")


def is_alive(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # of another user, so the worker is gone; its silence will show that
    return True


def worker_entry(
    name: str,
    written: dict[str, Any] | None,
    *,
    now: float,
    is_alive: Callable[[int], bool] = is_alive,
) -> dict[str, Any]:
    """The part of the document about one worker.

    Args:
        name: as in "worker-0".
        written: the content of its state file; None if there is no file yet.
        now: by the clock that `written_at` was taken from.
        is_alive: whether a process exists.
    """
    if written is None:
        return {"name": name, "state": "starting", "reason": None}
    entry = {key: value for key, value in written.items() if key != "written_at"}
    silence = now - written["written_at"]
    state = written["state"]
    if not is_alive(written["pid"]):
        left = state == "draining"
        entry["state"] = "stopped" if left else "down"
        entry["reason"] = None if left else "it has ended, and is started again"
    elif state != "starting" and silence > SILENCE:  # importing takes the time that it takes
        entry["state"] = "unresponsive"
        entry["reason"] = (
            f"no sign of life for {silence:.0f} s: its event loop is blocked, or it is stopped"
        )
    return entry


def document(
    workers: list[dict[str, Any]], *, broker: str, pid: int, started_at: str
) -> dict[str, Any]:
    """The health of all workers together.

    Args:
        workers: their parts, as `worker_entry` makes them.
        broker: the broker's path.
        pid: of the supervisor.
        started_at: when it began.
    """
    able = [worker for worker in workers if worker["state"] in ("running", "degraded", "draining")]
    reasons = [
        f"{worker['name']} is {worker['state']}: {worker['reason']}"
        for worker in workers
        if worker["state"] in _BAD
    ]
    return {
        "state": _state_of([worker["state"] for worker in workers]),
        "reason": "; ".join(reasons) or None,
        "broker": broker,
        "pid": pid,
        "started_at": started_at,
        "slots": {name: _sum(able, f"slots_{name}") for name in ("total", "free")},
        "running_tasks": _sum(able, "running_tasks"),
        "last_message_at": max(
            (worker.get("last_message_at") or "" for worker in workers), default=""
        )
        or None,
        "workers": workers,
    }


def _state_of(states: list[str]) -> str:
    if any(state in _BAD for state in states):
        return "degraded"
    for state in ("running", "draining"):
        if state in states:
            return state
    return "draining" if "stopped" in states and "starting" not in states else "starting"


def _sum(workers: list[dict[str, Any]], key: str) -> int | None:
    numbers = [worker.get(key) for worker in workers]
    return None if None in numbers else sum(number for number in numbers if number is not None)
