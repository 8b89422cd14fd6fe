"""Measure ours beside taskiq 0.13, in turns, and print a table of medians and ratios."""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from figures import FIGURES
from measures import MEASURES, Side

Samples = dict[str, dict[str, list[float]]]


def main() -> None:
    options = parse_options()
    sides = [Side("peer", options.peer, returns_results=False)]
    if not options.peer_only:
        sides.insert(0, Side("ours", options.ours, returns_results=True))
    samples, problems = measure(sides, options.only, options.rounds)
    medians = {
        side: {name: median(values) for name, values in figures.items()}
        for side, figures in samples.items()
    }
    print(table(medians))
    print(*problems, sep="\n")
    options.json.write_text(json.dumps(report(sides, samples, medians, options.rounds), indent=2))
    print(f"Every sample is in {options.json}.")
    sys.exit(1 if problems else 0)


def measure(sides: list[Side], only: list[str], rounds: int) -> tuple[Samples, list[str]]:
    """All figures of all sides, round by round; the sides take turns at being first."""
    samples: Samples = {side.name: {} for side in sides}
    problems: dict[tuple[str, str], str] = {}
    for turn in range(rounds):
        for name in only:
            for side in sides if turn % 2 == 0 else reversed(sides):
                if (name, side.name) in problems:
                    continue
                print(f"round {turn + 1} of {rounds}: {name}, {side.name}", file=sys.stderr)
                try:
                    figures = MEASURES[name](side)
                except (subprocess.SubprocessError, OSError) as error:
                    problems[name, side.name] = f"{name}, {side.name}: {error}"
                    continue
                for figure, value in figures.items():
                    samples[side.name].setdefault(figure, []).append(value)
    return samples, list(problems.values())


def table(medians: dict[str, dict[str, float]]) -> str:
    ours, peer = medians.get("ours", {}), medians["peer"]
    lines = [f"{'':38}{'ours':>10}{'0.13':>10}  {'unit':9}{'ratio':>6}  {'target':>8}"]
    for figure in FIGURES:
        mine, theirs = ours.get(figure.name), peer.get(figure.name)
        if mine is None and theirs is None:
            continue
        ratio = f"{mine / theirs:.2f}" if mine and theirs else ""
        bound = target = ""
        if figure.target is not None:
            target = f"{'>=' if figure.more_is_better else '<='} {figure.target:g}"
        elif figure.limit is not None:
            target = f"<= {figure.limit:g} {figure.unit}"
        bound = figure.verdict(mine, theirs) if mine else ""
        lines.append(
            f"{figure.title:38}{number(mine):>10}{number(theirs):>10}"
            f"  {figure.unit:9}{ratio:>6}  {target:>8}  {bound}"
        )
    return "\n".join(lines)


def number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def report(
    sides: list[Side], samples: Samples, medians: dict[str, dict[str, float]], rounds: int
) -> dict[str, object]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
        "versions": {side.name: version(side) for side in sides},
        "rounds": rounds,
        "medians": medians,
        "samples": samples,
    }


def version(side: Side) -> str:
    command = "from importlib.metadata import version; print(version('taskiq'))"
    done = subprocess.run(
        [str(side.python), "-c", command], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).parent
    parser.add_argument("--ours", type=Path, default=Path(sys.executable), help="Python of ours")
    parser.add_argument("--peer", type=Path, required=True, help="Python that has taskiq 0.13")
    parser.add_argument("--peer-only", action="store_true", help="measure taskiq 0.13 alone")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), default=list(MEASURES))
    parser.add_argument("--json", type=Path, default=here / "results.json", help="where samples go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
