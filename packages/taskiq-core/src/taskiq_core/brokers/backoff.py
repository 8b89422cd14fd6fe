"""Back-off: how long to wait before trying again."""

from typing import Protocol


class UniformSource(Protocol):
    """A source of random numbers: the module `random`, or a seeded `random.Random`."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return a number between a and b."""
        ...


def backoff_delay(attempt: int, *, base: float, cap: float, rng: UniformSource) -> float:
    """Return seconds to wait before the next attempt: exponential back-off with equal jitter.

    Between half and all of `min(cap, base * 2 ** (attempt - 1))`, so that many waiters spread out
    and do not try again at once.

    Args:
        attempt: attempts so far; 1 after the first one failed.
        base: upper bound of the first delay, in seconds.
        cap: upper bound of every delay, in seconds.
        rng: source of randomness.

    Raises:
        ValueError: `attempt` is below 1.

    Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """
    if attempt < 1:
        raise ValueError(f"attempt is counted from 1, not {attempt}")
    # Beyond 2**63 the power has no meaning for any cap, and would become slow to compute.
    bound = min(cap, base * 2 ** min(attempt - 1, 63))
    return rng.uniform(bound / 2, bound)
