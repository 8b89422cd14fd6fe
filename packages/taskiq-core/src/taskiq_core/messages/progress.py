"""How far a running task has come."""

from enum import Enum
from typing import Generic, TypeVar

from pydantic import BaseModel

_ProgressType = TypeVar("_ProgressType")


class TaskState(str, Enum):  # noqa: UP042  # 0.13's text form is the member's name
    """The usual states of a task; any other text is allowed, too."""

    STARTED = "STARTED"
    FAILURE = "FAILURE"
    SUCCESS = "SUCCESS"
    RETRY = "RETRY"


class TaskProgress(BaseModel, Generic[_ProgressType]):
    """A state, and data of the task about it."""

    state: TaskState | str
    meta: _ProgressType | None
