"""Durations, sizes and moments as short text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from taskiq_cli.commands.units import (
    age_text,
    count_text,
    duration_text,
    moment_text,
    size_text,
    time_left_text,
)

NOW = datetime(2026, 3, 1, 10, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0.0 s"),
        (0.0021, "2 ms"),
        (1.54, "1.5 s"),
        (59, "59 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "120 min"),
        (7_200, "2 h"),
        (200_000, "2 d"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "-"), (0, "0 B"), (1023, "1023 B"), (2048, "2 KiB"), (3 << 30, "3 GiB")],
)
def test_sizes(size: int | None, text: str) -> None:
    assert size_text(size) == text


def test_moments() -> None:
    assert age_text(NOW - timedelta(seconds=30), NOW) == "30 s"
    assert age_text(NOW + timedelta(seconds=30), NOW) == "0.0 s", "clocks of machines differ"
    assert time_left_text(NOW + timedelta(days=3), NOW) == "3 d"
    assert moment_text(NOW.astimezone(timezone(timedelta(hours=2)))) == "2026-03-01 10:20:00 UTC"
    assert (age_text(None, NOW), moment_text(None), count_text(None)) == ("-", "-", "-")
