"""Delays before a worker that ended unexpectedly is started again."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from collections.abc import Callable


def random_fraction() -> float:
    """A number from 0 to 1; the module random would cost this process a megabyte."""
    return os.urandom(1)[0] / 255


class RestartBackoff:
    """Delays before restarts of one worker: none, then exponential; anew after a stable time.

    Args:
        base: the delay of the second restart in a row, in seconds.
        cap: the longest delay, in seconds.
        stable: a worker that lived for this many seconds resets the count.
        fraction: returns a random number from 0 to 1, which shortens delays by up to half.
    """

    def __init__(
        self,
        *,
        base: float = 0.5,
        cap: float = 30.0,
        stable: float = 10.0,
        fraction: Callable[[], float] = random_fraction,
    ) -> None:
        self._base = base
        self._cap = cap
        self._stable = stable
        self._fraction = fraction
        self._restarts = 0

    def delay(self, lived: float) -> float:
        """Seconds to wait before the next start of a worker that lived `lived` seconds."""
        if lived >= self._stable:
            self._restarts = 0
        self._restarts += 1
        if self._restarts == 1:
            return 0.0
        longest = min(self._cap, self._base * 2.0 ** min(self._restarts - 2, 30))
        return float(longest * (1 - self._fraction() / 2))

    def reset(self) -> None:
        """Reset the count: the code of the worker has changed."""
        self._restarts = 0
