"""What the name of a message's file says; pure."""

from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import quote, unquote


@dataclass(frozen=True, slots=True)
class Name:
    """`{order}-{attempt}-{unsettled}-{task id}`: sorted by name, files are in the order of sending.

    Attributes:
        order: when it was sent, in nanoseconds since the epoch.
        attempt: how often it was delivered.
        unsettled: how many of these deliveries were lost with their worker.
    """

    order: int
    task_id: str
    attempt: int = 0
    unsettled: int = 0

    def __str__(self) -> str:
        return f"{self.order:020}-{self.attempt}-{self.unsettled}-{quote(self.task_id, safe='')}"

    @classmethod
    def read(cls, text: str) -> Self:
        """The name of a file."""
        order, attempt, unsettled, task_id = text.split("-", 3)
        return cls(int(order), unquote(task_id), int(attempt), int(unsettled))

    def delivered(self) -> Self:
        """The same, once more delivered."""
        return replace(self, attempt=self.attempt + 1)

    def lost(self) -> Self:
        """The same, after its worker died."""
        return replace(self, unsettled=self.unsettled + 1)
