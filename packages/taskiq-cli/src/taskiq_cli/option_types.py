"""Types of options whose errors say what is wrong; for commands of plugins, too."""

import math
from typing import Any

import click


class Integer(click.IntRange):
    """A whole number; the error of click would say "not a valid integer range"."""

    name = "integer"


class Number(click.FloatRange):
    """A number, such as of seconds."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; NaN is refused, though it is in every range."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return number


FOLDER = click.Path(exists=True, file_okay=False)
"""An existing folder."""
