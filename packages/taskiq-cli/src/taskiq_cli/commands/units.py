"""Durations, sizes and moments as short text."""

from datetime import UTC, datetime

_STEPS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_SIZES = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def duration_text(seconds: float | None) -> str:
    """Return `3 min`, `1.5 s` or `20 ms`; `-` for None."""
    if seconds is None:
        return "-"
    for size, name in _STEPS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    if seconds >= 10:  # noqa: PLR2004  # below, a tenth matters
        return f"{seconds:.0f} s"
    return f"{seconds:.1f} s" if seconds >= 1 or seconds <= 0 else f"{seconds * 1000:.0f} ms"


def size_text(size: int | None) -> str:
    """Return `12 MiB`, or `300 B`; `-` for None."""
    if size is None:
        return "-"
    for step, name in _SIZES:
        if size >= step:
            return f"{size / step:.0f} {name}"
    return f"{size} B"


def age_text(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was; `-` for None."""
    return "-" if moment is None else duration_text(max((now - moment).total_seconds(), 0.0))


def time_left_text(moment: datetime | None, now: datetime) -> str:
    """Return how far away a moment is; `-` for None."""
    return "-" if moment is None else duration_text(max((moment - now).total_seconds(), 0.0))


def moment_text(moment: datetime | None) -> str:
    """Return a moment in UTC, to the second; `-` for None."""
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def count_text(count: int | None) -> str:
    """Return a number; `-` for None, which is a number that a server can't tell."""
    return "-" if count is None else str(count)
