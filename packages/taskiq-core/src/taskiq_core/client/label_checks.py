"""Checking the labels of a task where it is declared."""

import sys
import warnings
from collections.abc import Collection, Mapping
from typing import Any

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import TaskDefinitionError
from taskiq_core.messages.known_labels import (
    KnownLabel,
    LabelWarning,
    find_misspelt,
    find_wrong_values,
)
from taskiq_core.messages.labels import NEEDED_CAPABILITY


def check_labels(
    task_name: str,
    labels: Mapping[str, Any],
    *,
    known: Collection[KnownLabel],
    capabilities: Collection[Capability],
) -> None:
    """Warn of labels that look like mistakes; refuse values that the broker can't honour.

    Args:
        task_name: of the task.
        labels: where it is declared.
        known: the labels that mean something.
        capabilities: what the broker says that it can do. A label that it does not know is another
            one's, or the program's own, and may have any value.

    Raises:
        TaskDefinitionError: a value is not one that the broker takes.
    """
    for label, reason in find_wrong_values(labels, known).items():
        if label not in NEEDED_CAPABILITY:
            _warn(f"Task {task_name!r}: {reason}.")
        elif NEEDED_CAPABILITY[label] in capabilities:
            raise TaskDefinitionError(function=f"{task_name!r}", reason=reason)
    for label, meant in find_misspelt(labels, known).items():
        _warn(f"Task {task_name!r} has the label {label!r}. Did you mean {meant!r}?")


def _warn(text: str) -> None:
    warnings.warn(text, LabelWarning, stacklevel=_level_of_caller())


def _level_of_caller() -> int:
    """Return the stack level of the declaration, below the frames of this package."""
    level, frame = 1, sys._getframe(1)  # as the warnings module itself does
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    return level


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "taskiq_core"
