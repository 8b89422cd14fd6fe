"""Two versions of ours side by side: processor time, or instructions, of a task in each.

    python benchmarks/versions.py --before PYTHON [--rounds 10] [--only inmemory] [--instructions]

`--before` is the Python of an environment that has the other version, perhaps of a git worktree.
The versions take turns, so that both meet the same noise. `--instructions` counts those of the
processor with valgrind, which other programs on the machine do not disturb; one round is enough.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

from measures import PROGRAMS, clean_environment
from programs.processor_time import WORKLOADS

sys.path.append(str(Path(__file__).parent / "redis_queues"))
from rig import RedisServer, redis_server

COUNTS = (200, 700)
"""Tasks of the two runs whose instructions are subtracted, so that start-up does not count."""
_VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")


def main() -> None:
    options = parse_options()
    unit = "instructions" if options.instructions else "microseconds"
    print(f"{'a task':24}{'before':>12}{'now':>12}{'ratio':>8}  {unit} of the processor")
    with redis_server() as server:
        for workload in options.only:
            samples = [sample(workload, server, options, turn) for turn in range(options.rounds)]
            before, now = (median(values) for values in zip(*samples, strict=True))
            ratio = median(new / old for old, new in samples)
            print(f"{workload:24}{before:12,.1f}{now:12,.1f}{ratio:8.3f}", flush=True)


def sample(
    workload: str, server: RedisServer, options: argparse.Namespace, turn: int
) -> tuple[float, float]:
    """What a task costs before and now; the sides take turns at being first."""
    # Old versions have no history: it is compared with the drain without it.
    earlier = workload.removesuffix("_history")
    sides = [(options.before, earlier), (options.now, workload)]
    if earlier != workload:
        sides[0] = (options.now, earlier)
    found = [0.0, 0.0]
    for which in (0, 1) if turn % 2 else (1, 0):
        server.empty()
        python, name = sides[which]
        command = [python, str(PROGRAMS / "processor_time.py"), name, "--redis", server.url]
        cost = instructions if options.instructions else microseconds
        found[which] = cost(command, options.count)
    return found[0], found[1]


def microseconds(command: list[str], count: int) -> float:
    figures = json.loads(output([*command, "--count", str(count)]))
    return float(figures["seconds"]) / count * 1e6


def instructions(command: list[str], count: int) -> float:
    del count
    few, many = (
        collected(output([*_VALGRIND, *command, "--count", str(each)], errors=True))
        for each in COUNTS
    )
    return (many - few) / (COUNTS[1] - COUNTS[0])


def collected(text: str) -> int:
    found = re.search(r"I\s+refs:\s+([\d,]+)", text)
    if found is None:
        sys.exit(f"valgrind does not say how many instructions it has counted:\n{text}")
    return int(found[1].replace(",", ""))


def output(command: list[str], *, errors: bool = False) -> str:
    env = {**clean_environment(), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return done.stderr if errors else done.stdout


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", required=True, help="Python of the version to compare with")
    parser.add_argument("--now", default=sys.executable, help="Python of ours")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--count", type=int, default=5_000, help="tasks of a run")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--instructions", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
