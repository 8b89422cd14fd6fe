"""The counts of queues as tables and JSON."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taskiq_cli.commands.units import count_text, duration_text
from taskiq_cli.tables import table
from taskiq_cli.terminal_text import one_line, plain

if TYPE_CHECKING:
    from taskiq_core.messages.queue_stats import QueueStats


def overview(queues: "Mapping[str, QueueStats]") -> str:
    """Return one line for each queue."""
    rows = [
        (
            one_line(name),
            "paused" if stats.is_paused else "open",
            count_text(stats.waiting),
            duration_text(stats.oldest_age),
            count_text(stats.delivered),
            count_text(stats.delayed),
            count_text(stats.dead),
        )
        for name, stats in queues.items()
    ]
    return table(("QUEUE", "STATE", "WAITING", "OLDEST", "DELIVERED", "DELAYED", "DEAD"), rows)


def state_table(stats: "QueueStats") -> str:
    """Return one line for each state of messages, and one that says that the queue is paused."""
    rows = [
        ("waiting", count_text(stats.waiting)),
        ("delivered", count_text(stats.delivered)),
        ("delayed", count_text(stats.delayed)),
        ("dead", count_text(stats.dead)),
    ]
    found = table(("STATE", "MESSAGES"), rows)
    if stats.oldest_age is not None:
        found += f"\nThe oldest message has waited for {duration_text(stats.oldest_age)}."
    if stats.is_paused:
        found += "\nThe queue is paused: `taskiq queue resume` has it hand out messages again."
    return found


def as_object(stats: "QueueStats") -> dict[str, Any]:
    """Return the counts for JSON."""
    found: dict[str, Any] = plain(stats)
    return found
