"""`taskiq messages`: which messages wait, run, are delayed or dead; `taskiq move`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules
from taskiq_cli.commands.queue_option import each_queue, queue_arguments, queue_option
from taskiq_cli.commands.render_messages import as_object, message_details, message_table
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.option_types import Integer
from taskiq_cli.terminal_text import as_json, one_line

if TYPE_CHECKING:
    from taskiq_cli.commands.queue_option import QueueArguments
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.message_info import MessageFilter, MessageInfo, MessageState

MAX_PAGES: Final = 100
"""Pages that are asked for at most: a filter may match nothing in a million messages."""
_STATES = ("waiting", "delivered", "delayed", "dead")


@dataclass(slots=True)
class Listing:
    """Messages that were found, and where the search goes on.

    Attributes:
        messages: in the order of the store.
        after: the key to go on with; None if there are no more.
    """

    messages: "list[MessageInfo]" = field(default_factory=list)
    after: str | None = None


@click.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option(
    "--state",
    type=click.Choice(_STATES),
    help="Where they are; waiting without it, and anywhere with --id.",
)
@queue_option
@click.option("--task", metavar="NAME", help="Only messages of this task.")
@click.option("--id", "task_id", metavar="TASK_ID", help="Only the message of this task id.")
@click.option("--key", metavar="KEY", help="Only the message with this unique key.")
@click.option("--after", metavar="CURSOR", help="Go on where the page before has ended.")
@click.option(
    "--limit", type=Integer(min=1), default=50, show_default=True, help="How many at most."
)
@click.option("--body", is_flag=True, help="Show labels and arguments, too.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def messages(
    arguments: tuple[str, ...],
    state: str | None,
    queue: str | None,
    task: str | None,
    task_id: str | None,
    key: str | None,
    after: str | None,
    limit: int,
    body: bool,
    json_: bool,
    application: Application,
) -> None:
    """List messages, page by page.

    Waiting ones come in the order in which they are delivered, delayed ones by when they are due,
    others oldest first. With --id all queues are looked through.
    """
    from taskiq_core.messages.message_info import MessageFilter

    broker, modules = broker_and_modules(arguments, takes_urls=True)
    if after is not None and task_id is not None:
        raise click.UsageError("--id looks everywhere at once; it has no pages for --after.")
    states = _states(state, is_anywhere=task_id is not None)
    where = MessageFilter(task_name=task, task_id=task_id, unique_key=key)

    async def ask(broker: "AsyncBroker") -> tuple[Listing, str, Any]:
        if task_id is not None:
            queues = await each_queue(broker, queue)
        else:
            queues = [await queue_arguments(broker, queue)]
        found = await _listing(broker, states, queues, where, after, limit, body)
        if json_:
            return found, "", [as_object(each, broker.formatter) for each in found.messages]
        if body:
            return found, message_details(found.messages, broker.formatter), None
        return found, message_table(found.messages), None

    found, text, objects = ask_broker(broker, modules, application, ask)
    if json_:
        click.echo(as_json({"messages": objects, "after": found.after}))
    else:
        click.echo(text or _nothing(states, where, found.after))
    if found.after is not None:
        click.echo(f"There may be more: --after {one_line(found.after)}", err=True)


@click.command()
@click.argument("task_id")
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@queue_option
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
@click.pass_context
def move(
    context: click.Context,
    task_id: str,
    arguments: tuple[str, ...],
    queue: str | None,
    json_: bool,
    application: Application,
) -> None:
    """Have a delayed message delivered now instead of when it is due.

    The exit status is 1 if no delayed message has that task id.
    """
    broker, modules = broker_and_modules(arguments, takes_urls=True)

    async def ask(broker: "AsyncBroker") -> bool:
        for chosen in await each_queue(broker, queue):
            if await broker.move_to_now(task_id, **chosen):
                return True
        return False

    is_moved = ask_broker(broker, modules, application, ask)
    if json_:
        click.echo(as_json({"task_id": task_id, "moved": is_moved}))
    elif is_moved:
        click.echo(f"Task {one_line(task_id)} is not delayed any more.")
    else:
        click.echo(f"Task {one_line(task_id)} is not among the delayed messages.")
    if not is_moved:
        context.exit(ExitCode.FAILURE)


async def find_messages(
    broker: "AsyncBroker",
    state: "MessageState",
    chosen: "QueueArguments",
    *,
    where: "MessageFilter",
    after: str | None = None,
    limit: int = 50,
    with_body: bool = False,
) -> Listing:
    """Ask for pages until there are enough messages, or no more.

    Args:
        broker: is started.
        state: where the messages are.
        chosen: whose they are.
        where: which of them.
        after: where to begin.
        limit: messages at most.
        with_body: whether their bytes are wanted.
    """
    found = Listing(after=after)
    for _ in range(MAX_PAGES):
        page = await broker.messages(
            state,
            where=where,
            after=found.after,
            limit=limit - len(found.messages),
            with_body=with_body,
            **chosen,
        )
        found.messages += page.messages
        found.after = page.after
        if page.after is None or len(found.messages) >= limit:
            break
    return found


async def _listing(
    broker: "AsyncBroker",
    states: "Sequence[MessageState]",
    queues: "Iterable[QueueArguments]",
    where: "MessageFilter",
    after: str | None,
    limit: int,
    with_body: bool,
) -> Listing:
    found = part = Listing()
    for chosen, state in product(queues, states):
        if len(found.messages) < limit:
            part = await find_messages(
                broker,
                state,
                chosen,
                where=where,
                after=after,
                limit=limit - len(found.messages),
                with_body=with_body,
            )
            found.messages += part.messages
    found.after = part.after if where.task_id is None else None
    return found


def _states(state: str | None, *, is_anywhere: bool) -> "Sequence[MessageState]":
    from taskiq_core.messages.message_info import MessageState

    if state is not None:
        return (MessageState(state),)
    return tuple(MessageState) if is_anywhere else (MessageState.WAITING,)


def _nothing(states: "Sequence[MessageState]", where: "MessageFilter", after: str | None) -> str:
    from taskiq_core.messages.message_info import ALL_MESSAGES

    which = f"{states[0].value} " if len(states) == 1 else ""
    if after is not None:
        return f"No such {which}message was found in the part that was looked through."
    return f"There are no {which}messages{'' if where == ALL_MESSAGES else ' like that'}."
