"""`taskiq history`: deliveries that have ended, and how fast tasks run."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules
from taskiq_cli.commands.render_history import delivery_table, minute_table, rates_table
from taskiq_cli.option_types import Duration, Integer
from taskiq_cli.terminal_text import as_json, one_line, plain

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.history import HistoryPage, MinuteCounters

_NOTHING = (
    "No delivery is known that has ended{like_that}. A worker keeps history only if its broker is "
    "set up to, and only for a time."
)
_ENDS = ("succeeded", "failed", "retried", "released", "dead", "aborted", "expired", "lost")


@click.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--task", metavar="NAME", help="Only deliveries of this task.")
@click.option("--id", "task_id", metavar="TASK_ID", help="Only deliveries of this message.")
@click.option("--end", type=click.Choice(_ENDS), help="Only deliveries that ended so.")
@click.option("--after", metavar="CURSOR", help="Go on where the page before has ended.")
@click.option(
    "--limit", type=Integer(min=1), default=50, show_default=True, help="How many at most."
)
@click.option("--rates", is_flag=True, help="Show rates and times by task instead.")
@click.option("--by-minute", is_flag=True, help="Show the counters of each minute instead.")
@click.option(
    "--since",
    type=Duration(),
    default="1h",
    show_default=True,
    help="How far back --rates and --by-minute look, such as 15m.",
)
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def history(
    arguments: tuple[str, ...],
    task: str | None,
    task_id: str | None,
    end: str | None,
    after: str | None,
    limit: int,
    rates: bool,
    by_minute: bool,
    since: float,
    json_: bool,
    application: Application,
) -> None:
    """List deliveries that have ended, the latest first; or show how fast tasks run.

    Brokers keep history only if they are set up to.
    """
    broker, modules = broker_and_modules(arguments, takes_urls=True)
    if rates or by_minute:
        if task_id or end or after:
            raise click.UsageError("--rates and --by-minute go with --task and --since only.")

        async def ask_counters(broker: "AsyncBroker") -> "Sequence[MinuteCounters]":
            start = datetime.now(UTC) - timedelta(seconds=since)
            return await broker.minute_counters(since=start, task_name=task)

        counters = ask_broker(broker, modules, application, ask_counters)
        _print_counters(counters, since / 60, by_minute=by_minute, json_=json_)
        return

    async def ask(broker: "AsyncBroker") -> "HistoryPage":
        from taskiq_core.messages.history import DeliveryEnd

        return await broker.deliveries_of_past(
            task_name=task,
            task_id=task_id,
            end=None if end is None else DeliveryEnd(end),
            after=after,
            limit=limit,
        )

    page = ask_broker(broker, modules, application, ask)
    if json_:
        click.echo(as_json(page))
    elif page.deliveries:
        click.echo(delivery_table(page.deliveries))
    else:
        is_filtered = task or task_id or end or after
        click.echo(_NOTHING.format(like_that=" like that" if is_filtered else ""))
    if page.after is not None:
        click.echo(f"There are more: --after {one_line(page.after)}", err=True)


def _print_counters(
    counters: "Sequence[MinuteCounters]", minutes: float, *, by_minute: bool, json_: bool
) -> None:
    from taskiq_core.messages.task_rates import task_rates

    found: list[Any] = [*counters] if by_minute else task_rates(counters, minutes=minutes)
    if json_:
        click.echo(as_json([_with_rate(each) for each in found]))
    elif found:
        click.echo(minute_table(found) if by_minute else rates_table(found))
    else:
        click.echo(_NOTHING.format(like_that=" in that time"))


def _with_rate(found: Any) -> dict[str, Any]:
    values: dict[str, Any] = plain(found)
    if hasattr(found, "per_minute"):
        values["per_minute"] = found.per_minute
    return values
