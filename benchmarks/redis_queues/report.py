"""The table and the plot of docs/benchmarks.md, made from the figures of a run.

python benchmarks/redis_queues/report.py [RESULTS.json]
"""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contenders import CONTENDERS

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs"
RESULTS = HERE / "results.json"
BETWEEN = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)
OURS, OTHERS = "#1f6feb", "#9aa4b2"
NAMES = {each.name: each.title for each in CONTENDERS} | {"floor": "raw commands"}


@dataclass(frozen=True, slots=True)
class Column:
    """A figure: its key, its heading, how it is written, and whether more of it is better."""

    key: str
    heading: str
    digits: int = 0
    more_is_better: bool = True

    def text(self, value: float | None) -> str:
        """A cell of the table."""
        return "" if value is None else f"{value:,.{self.digits}f}"


RATES = (
    Column("enqueue_one", "sent one by one"),
    Column("enqueue_bulk", "sent in bulk"),
    Column("drain", "drained"),
    Column("two_workers", "by two workers"),
    Column("drain_results", "drained with results"),
)
COSTS = (
    Column("round_trip", "round trip, ms", 2, more_is_better=False),
    Column("naps", "5,000 naps, s", 2, more_is_better=False),
    Column("memory", "memory, MB", more_is_better=False),
    Column("start", "start, s", 2, more_is_better=False),
)
BACKLOGS = (1_000, 10_000, 100_000, 500_000)
PLOTTED = (RATES[4], RATES[2], RATES[1], COSTS[0])


def figures(report: dict[str, Any]) -> str:
    """What stands between the marks of the page."""
    medians = report["medians"]
    parts = [
        _how(report),
        "Tasks a second:",
        _table(medians, RATES),
        "And what it costs (less is better):",
        _table(medians, COSTS),
        "Drained with results, with so many messages waiting, and the worker's memory meanwhile:",
        _backlogs(medians),
        "Ours beside taskiq 0.13, and beside the best of the others in each:",
        _ratios(medians),
    ]
    if "history_on" in medians["ours"]:
        parts.append(_history(medians["ours"]))
    return "\n" + "\n\n".join(parts) + "\n\n"


def _history(ours: dict[str, float]) -> str:
    off, on = ours["history_off"], ours["history_on"]
    rates = f"{off:,.0f} tasks a second without, {on:,.0f} with it"
    return f"What the history of deliveries costs, drained with results: {rates}, {on / off:.2f}."


def _how(report: dict[str, Any]) -> str:
    counts = sorted({len(values) for values in report["samples"]["ours"].values()})
    rounds = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    return (
        f"Medians of {rounds} rounds on {report['measured_at'][:10]}: Python {report['python']}, "
        f"Redis {report['redis']}, {report['cpus']} virtual cores for all processes together."
    )


def _table(medians: dict[str, dict[str, float]], columns: tuple[Column, ...]) -> str:
    rows = [["", *(column.heading for column in columns)]]
    for name, title in NAMES.items():
        found = medians.get(name, {})
        if any(column.key in found for column in columns):
            rows.append([title, *(column.text(found.get(column.key)) for column in columns)])
    return _markdown(rows)


def _backlogs(medians: dict[str, dict[str, float]]) -> str:
    rows = [["", *(f"{count:,}" for count in BACKLOGS)]]
    for name, title in NAMES.items():
        found = medians.get(name, {})
        if f"backlog_{BACKLOGS[0]}" in found:
            rows.append([title, *(_with_memory(found, count) for count in BACKLOGS)])
    return _markdown(rows)


def _with_memory(found: dict[str, float], count: int) -> str:
    rate, memory = found.get(f"backlog_{count}"), found.get(f"memory_{count}")
    if rate is None:
        return ""
    return f"{rate:,.0f}/s" + (f", {memory:.0f} MB" if memory else "")


def _ratios(medians: dict[str, dict[str, float]]) -> str:
    ours, before = medians["ours"], medians.get("taskiq", {})
    rows = [["", "taskiq 0.13", "best other", ""]]
    for column in (*RATES, *COSTS):
        others = {
            name: found[column.key]
            for name, found in medians.items()
            if name not in ("ours", "taskiq", "floor") and column.key in found
        }
        if not others or column.key not in ours or column.key not in before:
            continue
        best: Callable[..., str] = max if column.more_is_better else min
        name = best(others, key=others.__getitem__)
        rows.append(
            [
                column.heading,
                f"{ours[column.key] / before[column.key]:.2f}",
                f"{ours[column.key] / others[name]:.2f}",
                NAMES[name],
            ]
        )
    return _markdown(rows)


def _markdown(rows: list[list[str]]) -> str:
    head, *body = rows
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


def write_page(report: dict[str, Any], page: Path = DOCS / "benchmarks.md") -> None:
    """Put the figures into the page."""
    text = figures(report)
    page.write_text(BETWEEN.sub(lambda _: text, page.read_text()))


def write_plot(report: dict[str, Any], file: Path = DOCS / "benchmarks.svg") -> None:
    """Draw bars of four figures."""
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "taskiq", "font.size": 9})
    figure, panels = plt.subplots(2, 2, figsize=(10, 7))
    for column, panel in zip(PLOTTED, panels.flat, strict=True):
        found = {
            name: report["medians"][name][column.key]
            for name in reversed(NAMES)
            if column.key in report["medians"].get(name, {}) and name != "floor"
        }
        colours = [OURS if name == "ours" else OTHERS for name in found]
        bars = panel.barh([NAMES[name] for name in found], list(found.values()), color=colours)
        panel.bar_label(bars, labels=[column.text(value) for value in found.values()], padding=3)
        panel.margins(x=0.2)
        panel.spines[["top", "right"]].set_visible(False)
        unit = "tasks/s, more is better" if column.more_is_better else "less is better, log scale"
        panel.set_title(f"{column.heading} ({unit})", loc="left", fontsize=10)
        if not column.more_is_better:
            panel.set_xscale("log")
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    made = json.loads(Path(sys.argv[1] if len(sys.argv) > 1 else RESULTS).read_text())
    write_page(made)
    write_plot(made)
