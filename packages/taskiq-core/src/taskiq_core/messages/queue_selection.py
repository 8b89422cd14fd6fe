"""QueueSelection: the queues that a worker listens to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

MAX_WEIGHT: Final = 1_000
"""Highest weight of a queue; a higher one is a slip of the keyboard."""


@dataclass(frozen=True, slots=True)
class QueueSelection:
    """Queues by name, each with its share of a worker's slots.

    Attributes:
        weights: the queues in order, each with a weight of at least 1. Where all have messages, a
            queue of weight 3 gets three times as many fetches as one of weight 1.
        is_strict: whether a queue is looked at only while those before it are empty; weights have
            no effect then.
    """

    weights: Mapping[str, int]
    is_strict: bool = False

    def __post_init__(self) -> None:
        if not self.weights:
            raise ValueError("name at least one queue")
        for name, weight in self.weights.items():
            if not name:
                raise ValueError("the name of a queue is empty")
            if not 1 <= weight <= MAX_WEIGHT:
                raise ValueError(f"the weight of queue {name!r} is 1 to {MAX_WEIGHT}, not {weight}")

    @classmethod
    def parse(cls, text: str, *, is_strict: bool = False) -> Self:
        """Read `mails,reports=3`: names, some with a weight.

        Args:
            text: the names, with commas between them; a weight is 1 by default.
            is_strict: see the attribute.

        Raises:
            ValueError: a name is empty or comes twice, or a weight is out of range.
        """
        weights: dict[str, int] = {}
        for part in text.split(","):
            name, has_weight, weight = part.strip().partition("=")
            name = name.strip()
            if name in weights:
                raise ValueError(f"queue {name!r} is named twice")
            weights[name] = _weight(name, weight) if has_weight else 1
        return cls(weights, is_strict)

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        return ",".join(
            name if weight == 1 else f"{name}={weight}" for name, weight in self.weights.items()
        )


def _weight(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"the weight of queue {name!r} is {text!r}, not a number") from None
