"""The state files of workers, one for each worker, in the folder that they share."""

from __future__ import annotations

import json
from pathlib import Path

TYPE_CHECKING = False  # typing is not worth its memory in the process that reads them
if TYPE_CHECKING:
    from typing import Any


def worker_state_path(folder: str, name: str) -> Path:
    """The path of a worker's state file."""
    return Path(folder, f"health-{name}.json")


def write_worker_state(folder: str, name: str, state: dict[str, Any]) -> None:
    """Replace a worker's state file in one step.

    Args:
        folder: the shared folder.
        name: of the worker.
        state: its content.

    Raises:
        OSError: the file can't be written.
    """
    path = worker_state_path(folder, name)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(state))
    draft.replace(path)


def read_worker_state(folder: str, name: str) -> dict[str, Any] | None:
    """What a worker has written down last; None if it has not begun yet."""
    try:
        text = worker_state_path(folder, name).read_text()
    except FileNotFoundError:
        return None
    state: dict[str, Any] = json.loads(text)
    return state
