"""How a worker is, for whoever watches over it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a worker gets messages.

    Attributes:
        trouble: why the broker can't be listened to at the moment; None if it can. Running tasks go
            on meanwhile.
    """

    trouble: Exception | None = None

    @property
    def is_degraded(self) -> bool:
        """Whether the worker runs tasks, but gets no new ones."""
        return self.trouble is not None
