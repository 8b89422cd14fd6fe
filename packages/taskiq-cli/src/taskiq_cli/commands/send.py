"""`taskiq send`: send a task by its name."""

import json
import re
from typing import TYPE_CHECKING, Any, Final

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules, is_url, shown
from taskiq_cli.commands.queue_option import has, queue_arguments, queue_option
from taskiq_cli.option_types import Number
from taskiq_cli.terminal_text import as_json, one_line
from taskiq_core.capabilities import Capability

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker

_KEYWORD: Final = re.compile(r"([^\W\d]\w*)=(.*)", re.DOTALL)
"""NAME=VALUE; no JSON text looks like that."""


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("arguments", nargs=-1, metavar="[BROKER_URL] NAME [ARGUMENTS]...")
@click.option("--broker", "-b", metavar="BROKER_PATH", help="The path of the broker, or its URL.")
@click.option("--label", "-l", "labels", metavar="NAME=VALUE", multiple=True, help="A label.")
@click.option("--delay", metavar="SECONDS", type=Number(min=0), help="Deliver it so much later.")
@queue_option
@click.option("--id", "task_id", metavar="TASK_ID", help="Send it under this id.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def send(
    arguments: tuple[str, ...],
    broker: str | None,
    labels: tuple[str, ...],
    delay: float | None,
    queue: str | None,
    task_id: str | None,
    json_: bool,
    application: Application,
) -> None:
    """Send a task by its name, and print its id.

    ARGUMENTS are JSON: 1, '"text"', '{"a": [1, 2]}'; NAME=JSON is one by keyword. Nothing checks
    that a worker knows the task. With the URL of a broker, nothing of the application is imported;
    with --broker app.tkq:broker the labels that the task was declared with are sent as well. Put --
    before arguments that begin with a dash.
    """
    path, (name, *rest) = _broker_and_call(arguments, broker)
    args, kwargs = _call(rest)
    wanted: dict[str, Any] = dict(map(_label, labels))
    if delay is not None:
        wanted["delay"] = delay

    async def ask(broker: "AsyncBroker") -> tuple[str, str | None]:
        from taskiq_core.client.kicker import AsyncKicker
        from taskiq_core.messages.labels import QUEUE_NAME

        if queue is not None:
            await queue_arguments(broker, queue, must_exist=False)
            wanted[QUEUE_NAME] = queue
        task = broker.find_task(name)
        kicker = AsyncKicker[Any, Any](name, broker, {} if task is None else task.labels)
        sent = await kicker.with_labels(**wanted).with_task_id(task_id).kiq(*args, **kwargs)
        return sent.task_id, await _warning(broker, name)

    sent_id, warning = ask_broker(path, (), application, ask)
    if json_:
        click.echo(as_json({"task_id": sent_id, "task_name": name, "broker": shown(path)}))
    else:
        click.echo(f"Task {one_line(name)} is sent as {one_line(sent_id)}.")
    if warning:
        click.echo(warning, err=True)


def _broker_and_call(arguments: tuple[str, ...], broker: str | None) -> tuple[str, tuple[str, ...]]:
    if broker is not None:
        path, call = broker_and_modules((broker,), takes_urls=True)[0], arguments
    elif arguments and is_url(arguments[0]):
        path, call = arguments[0], arguments[1:]
    else:
        path, call = broker_and_modules((), takes_urls=True)[0], arguments
    if not call:
        raise click.UsageError("Which task? Give its name; `taskiq tasks` lists those of a broker.")
    return path, call


def _call(texts: list[str]) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in texts:
        if keyword := _KEYWORD.fullmatch(text):
            kwargs[keyword[1]] = _json(keyword[2])
        else:
            args.append(_json(text))
    return args, kwargs


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise click.UsageError(
            f"The argument {text!r} is not JSON. Texts need quotes of their own: "
            f"'{json.dumps(text)}'"
        ) from None


def _label(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"The label {text!r} is not of the form NAME=VALUE.")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


async def _warning(broker: "AsyncBroker", name: str) -> str | None:
    """Return what an operator should know who sends a task that no worker says it knows."""
    if not has(broker, Capability.PRESENCE):
        return None
    workers = await broker.workers()
    if not workers:
        return "No worker runs at the moment; the message waits."
    known = [each for each in workers if each.task_names]
    if known and not any(name in each.task_names for each in known):
        return f"No worker that runs now knows the task {one_line(name)}."
    return None
