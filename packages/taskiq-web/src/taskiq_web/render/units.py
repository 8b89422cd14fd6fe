"""Seconds, sizes and moments as text."""

from datetime import UTC, datetime
from typing import Final

_STEPS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_SIZES: Final = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))
_WHOLE: Final = 10.0
"""Seconds from which on a tenth does not matter."""


def duration_text(seconds: float | None) -> str:
    """Return `3 min`, `1.5 s` or `20 ms`; a dash for None."""
    if seconds is None:
        return "-"
    for size, name in _STEPS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    if seconds >= _WHOLE:
        return f"{seconds:.0f} s"
    return f"{seconds:.1f} s" if seconds >= 1 or seconds <= 0 else f"{seconds * 1000:.0f} ms"


def size_text(size: int | None) -> str:
    """Return `12 MiB` or `300 B`; a dash for None."""
    if size is None:
        return "-"
    for step, name in _SIZES:
        if size >= step:
            return f"{size / step:.0f} {name}"
    return f"{size} B"


def age_text(moment: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago a moment was, or how far away it is as `in 5 s`; a dash for None."""
    if moment is None:
        return "-"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    return duration_text(seconds) if seconds >= -1 else f"in {duration_text(-seconds)}"


def moment_text(moment: datetime | None) -> str:
    """Return a moment in UTC, to the second; a dash for None."""
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def count_text(count: float | None) -> str:
    """Return `1,234` or `0.5`; a dash for None, a number that a server can't tell."""
    if count is None:
        return "-"
    return f"{count:,}" if isinstance(count, int) else f"{count:,.1f}"
