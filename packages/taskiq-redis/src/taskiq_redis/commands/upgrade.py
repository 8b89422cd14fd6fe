"""`taskiq redis-upgrade`: what taskiq-redis 1.x left waiting."""

from typing import TYPE_CHECKING

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules
from taskiq_cli.terminal_text import as_json, one_line
from taskiq_redis.broker import RedisBroker

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
    from taskiq_redis.queue.earlier_queue import EarlierMessages


@click.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--move", is_flag=True, help="Move them into the queue of the broker.")
@click.option("--group", metavar="NAME", help="The consumer group of a stream.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def upgrade(
    arguments: tuple[str, ...],
    move: bool,
    group: str | None,
    json_: bool,
    application: Application,
) -> None:
    """Count the tasks that taskiq-redis 1.x left in its list or stream.

    Both have the name of the broker's queue. Workers of ListQueueBroker and RedisStreamBroker, and
    of those for Sentinel and Cluster, move them by themselves; for RedisBroker give --move. Tasks
    that a worker of 1.x has got from a stream are moved when that is longer ago than a lease of the
    broker. The exit status is 1 if tasks are left.
    """
    broker, modules = broker_and_modules(arguments, takes_urls=True)
    moved, left = ask_broker(
        broker, modules, application, lambda found: _look(found, group, is_moving=move)
    )
    if json_:
        counts = {"waiting": left.waiting, "delivered": left.delivered}
        click.echo(as_json({"key": left.key, "kind": left.kind, "moved": moved, **counts}))
    else:
        click.echo(_sentence(moved if move else None, left))
    if left.waiting or left.delivered:
        raise SystemExit(1)


async def _look(
    broker: "AsyncBroker", group: str | None, *, is_moving: bool
) -> "tuple[int, EarlierMessages]":
    if not isinstance(broker, RedisBroker):
        raise click.UsageError(f"{type(broker).__name__} does not keep its queue in Redis.")
    if group is not None:
        broker.earlier_group = group
    earlier = broker.earlier_queue()
    moved = await earlier.take_over() if is_moving else 0
    return moved, await earlier.count()


def _sentence(moved: int | None, left: "EarlierMessages") -> str:
    key = one_line(left.key)
    begin = "" if moved is None else f"Tasks moved: {moved}. "
    if left.kind is None:
        return f"{begin}There is neither a list nor a stream {key}: nothing is left."
    text = f"{begin}The {left.kind} {key} has {left.waiting} waiting tasks"
    if left.kind == "stream":
        text += f", and {left.delivered} that a worker has got and not acknowledged"
    return f"{text}."
