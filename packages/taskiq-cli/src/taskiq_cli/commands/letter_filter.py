"""LetterFilter: which dead letters a command is about; and the options that say so."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from taskiq_cli.option_types import Duration

if TYPE_CHECKING:
    from taskiq_cli.commands.queue_option import QueueArguments
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.queue_stats import DeadLetter

PAGE: Final = 100
"""Letters that are fetched at once: each comes with all of its message."""


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which dead letters are wanted; the default is all.

    Attributes:
        task: only letters of this task.
        reason: only letters whose reason or error contains this text, in upper or lower case.
        older_than: only letters that were buried longer ago than so many seconds.
        newer_than: only letters that were buried less long ago than that.
    """

    task: str | None = None
    reason: str | None = None
    older_than: float | None = None
    newer_than: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether all letters are wanted."""
        return self == LetterFilter()

    def accepts(self, letter: "DeadLetter", now: datetime) -> bool:
        """Return whether a letter is wanted."""
        age = (now - letter.buried_at).total_seconds()
        texts = f"{letter.reason}\n{letter.error or ''}".lower()
        return (
            self.task in (None, letter.task_name)
            and (self.reason is None or self.reason.lower() in texts)
            and (self.older_than is None or age > self.older_than)
            and (self.newer_than is None or age < self.newer_than)
        )


def letter_filter(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; it gets them as `where`."""

    @wraps(command)
    def with_filter(
        *args: Any,
        task: str | None,
        reason: str | None,
        older_than: float | None,
        newer_than: float | None,
        **kwargs: Any,
    ) -> Any:
        return command(*args, where=LetterFilter(task, reason, older_than, newer_than), **kwargs)

    decorated: Callable[..., Any] = with_filter
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


async def find_letters(
    broker: "AsyncBroker", where: LetterFilter, chosen: "QueueArguments", *, offset: int = 0
) -> "AsyncGenerator[DeadLetter, None]":
    """Yield dead letters, oldest first.

    Args:
        broker: is started.
        where: which of them.
        chosen: whose they are.
        offset: how many of these to leave out at the beginning.
    """
    now = datetime.now(UTC)
    seen = read = 0
    while page := await broker.dead_letters(limit=PAGE, offset=read, **chosen):
        for letter in page:
            if where.accepts(letter, now):
                seen += 1
                if seen > offset:
                    yield letter
        read += len(page)


_OPTIONS: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option("--task", metavar="NAME", help="Only letters of this task."),
    click.option(
        "--reason", metavar="TEXT", help="Only those whose reason or error has this text."
    ),
    click.option(
        "--older-than", metavar="AGE", type=Duration(), help="Only those buried before, as 2h ago."
    ),
    click.option(
        "--newer-than", metavar="AGE", type=Duration(), help="Only those buried since, as 15m ago."
    ),
)
