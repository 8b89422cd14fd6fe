"""RegisteredTask: the part of a task that brokers use."""

from collections.abc import Callable
from typing import Any, Protocol


class RegisteredTask(Protocol):
    """A function under a name, with labels."""

    task_name: str
    labels: dict[str, Any]

    @property
    def original_func(self) -> Callable[..., Any]:
        """The function itself."""
        ...
