"""`taskiq top`: queues, workers and rates, live."""

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules, shown
from taskiq_cli.commands.render_queue import as_object, overview
from taskiq_cli.commands.snapshot import Snapshot, take_snapshot
from taskiq_cli.option_types import Duration, Number
from taskiq_cli.terminal_text import as_json, plain

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker


@click.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--once", is_flag=True, help="Print once and end; so it does without a terminal.")
@click.option(
    "--interval",
    metavar="SECONDS",
    type=Number(min=0.1),
    default=2.0,
    show_default=True,
    help="Between two looks.",
)
@click.option(
    "--since", type=Duration(), default="5m", show_default=True, help="How far back rates go."
)
@click.option("--json", "json_", is_flag=True, help="Print JSON, once.")
@application_options
def top(
    arguments: tuple[str, ...],
    once: bool,
    interval: float,
    since: float,
    json_: bool,
    application: Application,
) -> None:
    """Show queues, workers, running tasks and rates, until Ctrl-C.

    What the broker can't say is left out.
    """
    path, modules = broker_and_modules(arguments, takes_urls=True)

    async def look(broker: "AsyncBroker") -> Snapshot:
        return await take_snapshot(broker, minutes=since / 60)

    if json_:
        click.echo(as_json(_as_object(ask_broker(path, modules, application, look))))
        return
    if once or not sys.stdout.isatty():
        click.echo(_as_text(ask_broker(path, modules, application, look)))
        return

    async def watch(broker: "AsyncBroker") -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        def page(found: Snapshot) -> Text:
            head = f"taskiq top   {shown(path)}   {found.at:%Y-%m-%d %H:%M:%S} UTC   Ctrl-C ends"
            return Text(f"{head}\n\n{_as_text(found)}", no_wrap=True, overflow="ellipsis")

        with Live(page(await look(broker)), console=Console(), screen=True) as live:
            while True:
                await asyncio.sleep(interval)
                live.update(page(await look(broker)), refresh=True)

    try:
        ask_broker(path, modules, application, watch)
    except KeyboardInterrupt:
        return


def _as_text(found: Snapshot) -> str:
    from taskiq_cli.commands.render_history import rates_table
    from taskiq_cli.commands.render_workers import worker_tables

    parts: list[str] = []
    if found.queues is not None:
        parts.append(overview(found.queues))
    if found.workers is not None:
        parts.append(worker_tables(found.workers) if found.workers else "There are no workers.")
    if found.rates:
        parts.append(rates_table(found.rates))
    return "\n\n".join(parts)


def _as_object(found: Snapshot) -> dict[str, Any]:
    queues = found.queues
    return {
        "at": found.at,
        "queues": None
        if queues is None
        else [{"queue": name, **as_object(stats)} for name, stats in queues.items()],
        "workers": plain(found.workers),
        "rates": None
        if found.rates is None
        else [{**plain(each), "per_minute": each.per_minute} for each in found.rates],
    }
