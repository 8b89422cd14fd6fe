"""Dead letters: groups of them, pages of them, and single ones."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.messages.message_info import ALL_MESSAGES, MessageState
from taskiq_core.messages.queue_stats import DeadLetter
from taskiq_web.access import Access
from taskiq_web.reads.broker_queues import arguments_of, has
from taskiq_web.reads.content import MessageContent, content_of
from taskiq_web.reads.messages import list_messages
from taskiq_web.render.values import MASK

PAGE: Final = 25
"""Letters of one page; each comes with all of its bytes."""
GROUPED: Final = 1_000
"""Letters that are grouped, the oldest first."""
MAX_SEARCHED: Final = 10_000
"""Letters that are looked through for a page of a filter, or for one letter."""


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Dead letters of one task that were buried for one reason after one kind of error."""

    task_name: str
    reason: str
    error_type: str
    count: int
    queue: str


@dataclass(frozen=True, slots=True)
class LetterGroups:
    """Groups of the oldest dead letters of a queue, the largest first.

    Attributes:
        groups: the groups.
        is_complete: whether all letters of the queue are in them.
    """

    groups: Sequence[LetterGroup]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are wanted; the default is all.

    Attributes:
        task_name: only letters of this task.
        reason: only letters whose reason or error contains this text, in upper or lower case.
        error_type: only letters with an error of this type.
    """

    task_name: str = ""
    reason: str = ""
    error_type: str = ""

    @property
    def is_open(self) -> bool:
        """Whether all letters are wanted."""
        return self == LetterFilter()

    def accepts(self, letter: DeadLetter) -> bool:
        """Return whether a letter is wanted."""
        texts = f"{letter.reason}\n{letter.error or ''}".lower()
        return (
            self.task_name in ("", letter.task_name)
            and self.reason.lower() in texts
            and self.error_type in ("", error_type_of(letter.error))
        )


@dataclass(frozen=True, slots=True)
class LetterSummary:
    """A dead letter without its bytes."""

    letter_id: str
    task_id: str
    task_name: str
    attempt: int
    reason: str
    error: str
    buried_at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Some dead letters, the oldest first.

    Attributes:
        letters: at most a page.
        next_offset: letters to leave out for the next page; None at the end.
    """

    letters: Sequence[LetterSummary]
    next_offset: int | None


def error_type_of(error: str | None) -> str:
    """Return the type of an error that is text as `ValueError: too small`."""
    return (error or "").partition(":")[0].strip()


async def group_letters(broker: AsyncBroker, queue: str) -> LetterGroups:
    """Group the oldest letters of a queue by task, reason and type of error."""
    counts: dict[tuple[str, str, str], int] = {}
    if has(broker, Capability.INSPECT):
        page = await list_messages(
            broker, MessageState.DEAD, queue, where=ALL_MESSAGES, after=None, limit=GROUPED
        )
        facts = [(each.task_name, each.reason or "", each.error) for each in page.messages]
        is_complete = page.after is None
    else:
        letters = await broker.dead_letters(limit=PAGE, **arguments_of(broker, queue))
        facts = [(each.task_name, each.reason, each.error) for each in letters]
        is_complete = len(letters) < PAGE
    for task_name, reason, error in facts:
        key = (task_name, reason, error_type_of(error))
        counts[key] = counts.get(key, 0) + 1
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    groups = [LetterGroup(*key, count, queue) for key, count in largest]
    return LetterGroups(groups, is_complete)


async def list_letters(
    broker: AsyncBroker, queue: str, where: LetterFilter, access: Access, *, offset: int
) -> LetterPage:
    """Return a page of dead letters.

    Args:
        broker: is started, and keeps dead letters.
        queue: whose letters.
        where: which of them.
        access: of the viewer.
        offset: letters to leave out, whether they are wanted or not.
    """
    found: list[LetterSummary] = []
    read = offset
    while read - offset < MAX_SEARCHED:
        letters = await broker.dead_letters(limit=PAGE, offset=read, **arguments_of(broker, queue))
        for letter in letters:
            read += 1
            if where.accepts(letter):
                found.append(summary_of(letter, access))
                if len(found) == PAGE:
                    return LetterPage(found, read)
        if len(letters) < PAGE:
            return LetterPage(found, None)
    return LetterPage(found, read)


async def find_letter(broker: AsyncBroker, queue: str, letter_id: str) -> DeadLetter | None:
    """Return a dead letter by its id; None if it is not among the oldest ten thousand.

    Args:
        broker: is started, and keeps dead letters.
        queue: whose letter.
        letter_id: by which the broker knows it.
    """
    async for letter in each_letter(broker, queue, LetterFilter(), limit=MAX_SEARCHED):
        if letter.letter_id == letter_id:
            return letter
    return None


async def each_letter(
    broker: AsyncBroker, queue: str, where: LetterFilter, *, limit: int | None = None
) -> AsyncGenerator[DeadLetter, None]:
    """Yield dead letters, the oldest first.

    Args:
        broker: is started, and keeps dead letters.
        queue: whose letters.
        where: which of them.
        limit: letters to look at; None for all.
    """
    read = 0
    while limit is None or read < limit:
        letters = await broker.dead_letters(limit=PAGE, offset=read, **arguments_of(broker, queue))
        for letter in letters:
            if where.accepts(letter):
                yield letter
        read += len(letters)
        if len(letters) < PAGE:
            return


def summary_of(letter: DeadLetter, access: Access) -> LetterSummary:
    """Return a letter without its bytes, as far as the viewer may see it."""
    error = letter.error or ""
    return LetterSummary(
        letter.letter_id,
        letter.task_id,
        letter.task_name,
        letter.attempt,
        letter.reason,
        MASK if access.masks_content and error else error,
        letter.buried_at,
        len(letter.message),
    )


def letter_content(
    letter: DeadLetter, broker: AsyncBroker, access: Access, *, max_size: int
) -> MessageContent:
    """Return what a dead letter says; see `content_of` for the arguments."""
    return content_of(letter.message, broker, access, max_size=max_size)
