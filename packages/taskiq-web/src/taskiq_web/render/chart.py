"""Charts as SVG, drawn by the server; there is no script and no style in them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 960
HEIGHT: Final = 160
LEFT: Final = 56
BOTTOM: Final = 22
_TICKS: Final = 8


def bar_chart(
    title: str,
    start: datetime,
    stacked: Sequence[tuple[str, Sequence[float]]],
    *,
    unit: str = "",
) -> Markup:
    """Draw a bar for each minute.

    Args:
        title: what is shown, for screen readers as well.
        start: the first minute.
        stacked: classes of the style sheet with their values, from the bottom up; all of one
            length.
        unit: of the values.
    """
    length = max((len(values) for _, values in stacked), default=0)
    sums = [sum(values[minute] for _, values in stacked) for minute in range(length)]
    top = nice_top(max(sums, default=0))
    total = f"{title}: at most {max(sums, default=0):,.4g} {unit}".rstrip()
    parts = [*_frame(start, length, top, unit)]
    base = [0.0] * length
    for name, values in stacked:
        path = _bars(values, base, length, top)
        parts.append(Markup('<path class="bar {}" d="{}"/>').format(name, path))
        base = [low + value for low, value in zip(base, values, strict=True)]
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {}" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, total, Markup("").join(parts))


def nice_top(value: float) -> float:
    """Return a round number, at least as large as the value: 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    step = 1e-6
    while True:
        for factor in (1, 2, 5):
            if step * factor >= value:
                return step * factor
        step *= 10


def _bars(values: Sequence[float], base: Sequence[float], length: int, top: float) -> str:
    plot_height = HEIGHT - BOTTOM - 8
    width = (WIDTH - LEFT) / max(length, 1)
    parts: list[str] = []
    for minute, value in enumerate(values):
        if value <= 0:
            continue
        left = LEFT + minute * width
        low = HEIGHT - BOTTOM - base[minute] / top * plot_height
        high = low - value / top * plot_height
        parts.append(f"M{left:.1f} {low:.1f}V{high:.1f}H{left + width:.1f}V{low:.1f}Z")
    return "".join(parts)


def _frame(start: datetime, length: int, top: float, unit: str) -> list[Markup]:
    plot_height = HEIGHT - BOTTOM - 8
    found: list[Markup] = []
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - BOTTOM - share * plot_height
        label = f"{top * share:,.4g} {unit}".rstrip()
        found.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                LEFT, WIDTH, f"{y:.1f}", f"{y:.1f}"
            )
        )
        found.append(
            Markup('<text class="axis end" x="{}" y="{}">{}</text>').format(
                LEFT - 6, f"{y + 4:.1f}", escape(label)
            )
        )
    for number in range(_TICKS):
        minute = number * length // _TICKS
        x = LEFT + minute * (WIDTH - LEFT) / max(length, 1)
        moment = start + timedelta(minutes=minute)
        found.append(
            Markup('<text class="axis" x="{}" y="{}">{}</text>').format(
                f"{x:.1f}", HEIGHT - 6, f"{moment:%H:%M}"
            )
        )
    return found
