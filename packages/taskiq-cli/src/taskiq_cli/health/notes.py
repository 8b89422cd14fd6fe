"""The files by which workers tell how they are, one for each, in the folder that they share."""

from __future__ import annotations

import json
from pathlib import Path

TYPE_CHECKING = False  # typing is not worth its memory in the process that reads them
if TYPE_CHECKING:
    from typing import Any


def note_path(folder: str, name: str) -> Path:
    """Where a worker's note is."""
    return Path(folder, f"health-{name}.json")


def write_note(folder: str, name: str, note: dict[str, Any]) -> None:
    """Replace a worker's note in one step; raises OSError."""
    path = note_path(folder, name)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(note))
    draft.replace(path)


def read_note(folder: str, name: str) -> dict[str, Any] | None:
    """A worker's note; None if there is none."""
    try:
        text = note_path(folder, name).read_text()
    except FileNotFoundError:
        return None
    note: dict[str, Any] = json.loads(text)
    return note
