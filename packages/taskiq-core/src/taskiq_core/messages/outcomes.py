"""What is to become of a delivery: decided by the worker's steps, carried out in one place."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Ack:
    """Done: the message is forgotten."""


@dataclass(frozen=True, slots=True)
class Release:
    """Given back, to be delivered again.

    Attributes:
        delay: seconds before the next delivery.
    """

    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Bury:
    """Given up, and kept among the dead letters.

    Attributes:
        reason: why, in a few words.
        error: the last exception, as type and message; None if there was none.
    """

    reason: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """Not settled: the message already belongs to another worker."""


Outcome = Ack | Release | Bury | Leave
ACK: Final = Ack()
RELEASE: Final = Release()
LEAVE: Final = Leave()
