"""Actions on dead letters: replay, edit, forget; one, some, or all."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.messages.labels import QUEUE_NAME
from taskiq_core.messages.queue_stats import DeadLetter
from taskiq_web.access import Action
from taskiq_web.actions.form import refused
from taskiq_web.actions.outcome import ActionOutcome, ActionRequest, ActionRoute
from taskiq_web.errors import RequestRefusedError
from taskiq_web.reads.broker_queues import arguments_of, has, known_queue
from taskiq_web.reads.content import is_own_label, read_message
from taskiq_web.reads.dead_letters import (
    LetterFilter,
    each_letter,
    find_letter,
    letter_content,
)


async def replay(request: ActionRequest) -> ActionOutcome:
    """Queue one letter again, or all that a filter accepts."""
    broker = request.state.broker

    async def handle(ids: Sequence[str], queue: str) -> int:
        return await broker.replay_dead_letters(ids, **arguments_of(broker, queue))

    return await _for_letters(request, "queued again", handle)


async def purge(request: ActionRequest) -> ActionOutcome:
    """Forget one letter, or all that a filter accepts."""
    broker = request.state.broker

    async def handle(ids: Sequence[str], queue: str) -> int:
        return await broker.purge_dead_letters(ids, **arguments_of(broker, queue))

    return await _for_letters(request, "forgotten", handle)


async def edit(request: ActionRequest) -> ActionOutcome:
    """Send a letter with other arguments, then forget the letter."""
    broker, form = request.state.broker, request.form
    queue = await known_queue(broker, form.text("queue"))
    letter_id = form.required("letter_id")
    letter = await find_letter(broker, queue, letter_id)
    if letter is None:
        raise _no_letter(letter_id)
    size = request.state.options.max_content
    content = letter_content(letter, broker, request.access, max_size=size)
    if content.why_not_editable:
        raise refused(f"The letter can't be edited: {content.why_not_editable}.")
    args, kwargs = form.json("args", list), form.json("kwargs", dict)
    await _send(broker, letter, args, kwargs, queue)
    # Not before it is sent: a message too many is better than one too few.
    await broker.purge_dead_letters([letter_id], **arguments_of(broker, queue))
    text = f"Task {letter.task_id} was sent with the edited arguments."
    return ActionOutcome(letter.task_id, text, f"task?{urlencode({'id': letter.task_id})}")


async def stop(request: ActionRequest) -> ActionOutcome:
    """Stop a job that replays or forgets letters."""
    number = request.form.integer("job")
    job = request.state.jobs.stop(number)
    if job is None:
        raise RequestRefusedError(status=404, reason="That does not run any more.")
    return ActionOutcome(job.text, f"Stopped after {job.done:,}.", "dead", job.done)


async def _send(
    broker: AsyncBroker, letter: DeadLetter, args: list[Any], kwargs: dict[str, Any], queue: str
) -> None:
    message, problem = read_message(letter.message, broker)
    if message is None:
        raise refused(f"The letter can't be read: {problem}.")
    labels = {name: value for name, value in message.labels.items() if is_own_label(name)}
    if has(broker, Capability.QUEUES):
        labels[QUEUE_NAME] = queue
    kicker = AsyncKicker[Any, Any](message.task_name, broker, labels)
    kicker.task = broker.find_task(message.task_name)
    await kicker.with_task_id(message.task_id).kiq(*args, **kwargs)


async def _for_letters(
    request: ActionRequest, what: str, handle: Callable[[Sequence[str], str], Awaitable[int]]
) -> ActionOutcome:
    broker, form = request.state.broker, request.form
    queue = await known_queue(broker, form.text("queue"))
    page = f"dead?{urlencode({'queue': queue})}"
    if letter_id := form.text("letter_id"):
        count = await handle([letter_id], queue)
        text = f"Letter {letter_id} was {what}."
        if not count:
            text = (
                f"Letter {letter_id} was not {what}: there is no such letter, its unique key is "
                "taken, or it can't be read."
            )
        return ActionOutcome(letter_id, text, page, count, is_done=bool(count))
    where = LetterFilter(form.text("task"), form.text("reason"), form.text("error"))
    if where.is_open and form.text("typed") != queue:
        raise refused("Type the name of the queue to do that to all of its letters.")
    if request.state.jobs.is_full:
        raise RequestRefusedError(status=429, reason="Too many such jobs run already.")
    return _start_job(request, queue, where, what, handle, page)


def _start_job(
    request: ActionRequest,
    queue: str,
    where: LetterFilter,
    what: str,
    handle: Callable[[Sequence[str], str], Awaitable[int]],
    page: str,
) -> ActionOutcome:
    rate = request.form.rate()
    which = "all letters" if where.is_open else f"letters of {where.task_name or 'any task'}"
    text = f"{which} of queue {queue} to be {what}"

    async def handle_some(ids: Sequence[str]) -> int:
        count = await handle(ids, queue)
        request.state.reads.forget()
        request.state.feed.notify()
        return count

    job = request.state.jobs.start(
        text,
        request.access.name,
        _ids(request.state.broker, queue, where),
        handle_some,
        rate=rate,
    )
    pace = "" if rate is None else f", {rate:g} a second"
    return ActionOutcome(queue, f"Job {job.number} has begun: {text}{pace}.", page, 0)


async def _ids(broker: AsyncBroker, queue: str, where: LetterFilter) -> AsyncGenerator[str, None]:
    async for letter in each_letter(broker, queue, where):
        yield letter.letter_id


def _no_letter(letter_id: str) -> RequestRefusedError:
    return RequestRefusedError(status=404, reason=f"There is no dead letter {letter_id!r}.")


ROUTES: Final = (
    ActionRoute("dead/replay", Action.REPLAY, replay),
    ActionRoute("dead/purge", Action.PURGE_DEAD, purge),
    ActionRoute("dead/edit", Action.RUN, edit),
    ActionRoute("dead/stop", Action.REPLAY, stop),
)
