"""Measure our Redis broker beside other queues, in turns; write figures, a table and a plot.

    python benchmarks/redis_queues/run.py --environments FOLDER [--rounds 3] [--only ours saq]

FOLDER has an environment for each queue, named as in contenders.py.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from contenders import CONTENDERS, Contender
from floor import floor
from report import RESULTS, figures, write_page, write_plot
from rig import RedisServer, StuckError, redis_server

from measures import MEASURES, Bench

Samples = dict[str, dict[str, list[float]]]


def main() -> None:
    options = parse_options()
    chosen = [each for each in CONTENDERS if each.name in options.only]
    with tempfile.TemporaryDirectory(prefix="taskiq-bench-") as name, redis_server() as server:
        samples = measure(chosen, options, server, Path(name))
    if options.keep:
        earlier: Samples = json.loads(options.json.read_text())["samples"]
        samples = {name: {**earlier.get(name, {}), **samples.get(name, {})} for name in earlier}
    medians = {
        queue: {figure: median(values) for figure, values in figures.items()}
        for queue, figures in samples.items()
    }
    report = {
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "redis": redis_version(),
        "medians": medians,
        "samples": samples,
    }
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(figures(report))
    if options.write_docs:
        write_page(report)
        write_plot(report)


def measure(
    chosen: list[Contender], options: argparse.Namespace, server: RedisServer, folder: Path
) -> Samples:
    """All figures of all queues, round by round; who begins a round changes."""
    samples: Samples = {each.name: {} for each in chosen}
    for turn in range(options.rounds):
        in_turn = chosen[turn % len(chosen) :] + chosen[: turn % len(chosen)]
        for take in MEASURES:
            if options.measures and take.__name__ not in options.measures:
                continue
            for contender in in_turn:
                bench = Bench(contender, python_of(contender, options), server, folder)
                print(f"{turn + 1} {take.__name__} {contender.name}", end=" ", file=sys.stderr)
                try:
                    figures = take(bench)
                except (StuckError, subprocess.SubprocessError) as error:
                    log = (folder / f"{contender.name}.log").read_text()[-1500:]
                    print(f"failed: {error}\n{log}", file=sys.stderr)
                    continue
                print({key: round(value, 3) for key, value in figures.items()}, file=sys.stderr)
                for figure, value in figures.items():
                    samples[contender.name].setdefault(figure, []).append(value)
        for figure, value in floor(server).items():
            samples.setdefault("floor", {}).setdefault(figure, []).append(value)
    return samples


def python_of(contender: Contender, options: argparse.Namespace) -> Path:
    folder: Path = options.environments.absolute()
    return folder / contender.name / "bin" / "python"


def redis_version() -> str:
    command = ["redis-server", "--version"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[2][2:]


def parse_options() -> argparse.Namespace:
    names = [each.name for each in CONTENDERS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    measures = [each.__name__ for each in MEASURES]
    parser.add_argument("--measures", nargs="+", choices=measures, default=[])
    parser.add_argument(
        "--keep", action="store_true", help="of the last run, keep what is not measured now"
    )
    parser.add_argument("--write-docs", action="store_true", help="docs/benchmarks.md and its plot")
    parser.add_argument("--json", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
