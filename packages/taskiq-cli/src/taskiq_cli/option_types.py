"""Types of options whose errors say what is wrong; for commands of plugins, too."""

import math
import re
from typing import Any

import click
from click.types import FloatParamType


class Integer(click.IntRange):
    """A whole number; the error of click would say "not a valid integer range"."""

    name = "integer"


class Number(click.FloatRange):
    """A number, such as of seconds."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Refuse NaN, though it is in every range; see `click.ParamType`."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return number


FOLDER = click.Path(exists=True, file_okay=False)
"""An existing folder."""


class Duration(FloatParamType):
    """Seconds, or `90s`, `15m`, `2h`, `3d`; always more than 0."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds; see `click.ParamType`."""
        if isinstance(value, float | int):
            return value
        found = _DURATION.fullmatch(str(value).strip())
        seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
        if not seconds > 0:
            self.fail(f"{value!r} is not a duration, such as 90s, 15m, 2h or 3d.", param, ctx)
        return seconds


class Rate(FloatParamType):
    """`10/s`, `100/m` or `5/h`, as a number in a second."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number in a second; see `click.ParamType`."""
        if isinstance(value, float | int):
            return value
        number, _, unit = str(value).strip().partition("/")
        count = float(number) if _NUMBER.fullmatch(number) else 0.0
        if not count > 0 or unit not in _UNITS:
            self.fail(f"{value!r} is not a rate, such as 10/s, 100/m or 5/h.", param, ctx)
        return count / _UNITS[unit]


_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_NUMBER = re.compile(r"\d{1,9}(?:\.\d+)?", re.ASCII)
_DURATION = re.compile(rf"({_NUMBER.pattern})\s*(|s|m|min|h|d)", re.ASCII)
