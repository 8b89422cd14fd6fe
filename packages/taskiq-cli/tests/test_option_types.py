"""Options that are durations and rates."""

import click
import pytest

from taskiq_cli.option_types import Duration, Rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5m", 90), ("15min", 900), ("2h", 7_200), ("3 d", 259_200)],
)
def test_duration(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1h", "1y", "nan", "h", "1e9"])
def test_wrong_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration, such as 90s, 15m, 2h or 3d"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize(("text", "per_second"), [("10/s", 10), ("90/m", 1.5), ("36/h", 0.01)])
def test_rate(text: str, per_second: float) -> None:
    assert Rate().convert(text, None, None) == per_second


@pytest.mark.parametrize("text", ["", "0/s", "-1/s", "10/y", "inf/s", "/s"])
def test_wrong_rate(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a rate, such as 10/s, 100/m or 5/h"):
        Rate().convert(text, None, None)
