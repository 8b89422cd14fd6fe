"""`taskiq health`: asks a health server; for probes, so it imports little."""

from typing import Any

import click

from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.health.address_option import health_address
from taskiq_cli.health.client import ask_health
from taskiq_cli.option_types import Number
from taskiq_cli.tables import table


@click.command()
@click.argument("address", callback=health_address)
@click.option(
    "--timeout",
    type=Number(min=0, min_open=True),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the answer.",
)
@click.option("--json", "json_", is_flag=True, help="Print the document as it is.")
@click.pass_context
def health(context: click.Context, address: str, timeout: float, json_: bool) -> None:
    """Ask the workers behind ADDRESS, that of `taskiq worker --health`, how they are.

    The exit status is 0 if they run, 1 if they are degraded, draining or starting, and 2 if nobody
    answers. The application is not imported.
    """
    from taskiq_cli.health.address import Address

    document = ask_health(Address(address), timeout)
    if json_:
        import json

        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(_as_text(document))
    if document.get("state") != "running":
        context.exit(ExitCode.FAILURE)


def _as_text(document: dict[str, Any]) -> str:
    from taskiq_cli.terminal_text import one_line

    rows = [[one_line(cell) for cell in _row(worker)] for worker in document["workers"]]
    header = ("WORKER", "STATE", "PID", "RUNNING", "FREE SLOTS", "LAST MESSAGE", "BROKER")
    summary = f"{document.get('state')}, {document.get('broker')}"
    reason = document.get("reason")
    first = f"{summary}: {reason}" if reason else summary
    return f"{one_line(first)}\n\n{table(header, rows)}"


def _row(worker: dict[str, Any]) -> tuple[object, ...]:
    return (
        worker.get("name"),
        worker.get("state"),
        worker.get("pid", "-"),
        worker.get("running_tasks", "-"),
        _slots(worker),
        worker.get("last_message_at") or "-",
        worker.get("broker", "-"),
    )


def _slots(worker: dict[str, Any]) -> str:
    if "slots_total" not in worker:
        return "-"
    free, total = worker.get("slots_free"), worker["slots_total"]
    return "no limit" if total is None else f"{free} of {total}"
