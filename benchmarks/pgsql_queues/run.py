"""Measure queues on PostgreSQL beside ours, in turns on one private server.

The server has its default durability. The floor is what raw statements of asyncpg reach: 1,000 rows
inserted, 100 claimed, 100 results inserted and 100 rows deleted, in a statement each.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
from pathlib import Path

from taskiq_testservers.postgres_server import PostgresServer

HERE = Path(__file__).parent
QUEUES = {
    "taskiq-pgsql": "ours.py",
    "pgqueuer": "pgqueuer_app.py",
    "procrastinate": "procrastinate_app.py",
    "taskiq-postgres": "taskiq_postgres_app.py",
    "raw statements": "floor.py",
}
MEASURES = {
    "send": ("send one by one, tasks/s", {}, 500),
    "bulk": ("send in bulk, tasks/s", {"taskiq-postgres": 1_000, "procrastinate": 10_000}, 20_000),
    "drain": ("drain, tasks/s", {"taskiq-postgres": 1_000, "procrastinate": 1_500}, 20_000),
    "round_trip": ("idle round trip, ms", {}, 0),
}
PATIENCE = 180


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    server = PostgresServer(shared_buffers="256MB")
    asyncio.run(server.start())
    try:
        found = measured(server, options.rounds)
    finally:
        server.close()
    print(table(found))


def measured(server: PostgresServer, rounds: int) -> dict[str, dict[str, float]]:
    """The medians by measure and queue; queues take turns, so that all meet the same machine."""
    values: dict[str, dict[str, list[float]]] = {name: {} for name in MEASURES}
    for turn in range(rounds):
        for measure, (_, counts, count) in MEASURES.items():
            for queue, program in QUEUES.items():
                database = f"bench_{turn}_{measure}_{list(QUEUES).index(queue)}"
                asyncio.run(server.run(f"CREATE DATABASE {database}"))
                done = subprocess.run(
                    [
                        sys.executable,
                        str(HERE / program),
                        server.url(database),
                        measure,
                        str(counts.get(queue, count)),
                    ],
                    capture_output=True,
                    text=True,
                    timeout=PATIENCE,
                    check=False,
                )
                if done.stdout.strip():
                    values[measure].setdefault(queue, []).append(float(done.stdout.split()[-1]))
                else:
                    print(f"{queue} {measure}: {done.stderr[-300:]}", file=sys.stderr)
    return {
        measure: {queue: statistics.median(numbers) for queue, numbers in found.items()}
        for measure, found in values.items()
    }


def table(found: dict[str, dict[str, float]]) -> str:
    """Markdown: a row for each measure, and what ours is of the others."""
    lines = [f"| | {' | '.join(QUEUES)} |", f"|---|{'---|' * len(QUEUES)}"]
    for measure, (title, _, _) in MEASURES.items():
        ours = found[measure]["taskiq-pgsql"]
        cells = []
        for queue in QUEUES:
            value = found[measure].get(queue)
            if value is None:
                cells.append("-")
            elif queue == "taskiq-pgsql":
                cells.append(f"{value:,.0f}" if value >= 100 else f"{value:.1f}")
            else:
                shown = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
                cells.append(f"{shown} ({ours / value:.1f} x)")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
