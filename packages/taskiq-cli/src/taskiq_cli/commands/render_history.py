"""Deliveries of the past, counters and rates as tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from taskiq_cli.commands.units import duration_text, moment_text
from taskiq_cli.tables import table
from taskiq_cli.terminal_text import one_line, shortened

if TYPE_CHECKING:
    from taskiq_core.messages.history import DeliveryRecord, MinuteCounters
    from taskiq_core.messages.task_rates import TaskRates

_ERROR_WIDTH = 60


def delivery_table(deliveries: "Sequence[DeliveryRecord]") -> str:
    """Return one line for each delivery."""
    rows = [
        (
            moment_text(each.ended_at),
            one_line(each.task_name) or "-",
            one_line(each.task_id),
            str(each.attempt),
            each.end.value,
            duration_text((each.ended_at - each.started_at).total_seconds()),
            one_line(each.worker_id) or "-",
            shortened(each.error or "-", _ERROR_WIDTH),
        )
        for each in deliveries
    ]
    header = ("ENDED AT", "TASK", "TASK ID", "ATTEMPT", "END", "RAN", "WORKER", "ERROR")
    return table(header, rows)


def rates_table(rates: "Sequence[TaskRates]") -> str:
    """Return one line for each task."""
    rows = [
        (
            one_line(each.task_name),
            f"{each.per_minute:.1f}",
            str(each.started),
            str(each.failed),
            str(each.retried),
            str(each.dead),
            duration_text(each.waited_p50),
            duration_text(each.waited_p95),
            duration_text(each.ran_p50),
            duration_text(each.ran_p95),
        )
        for each in rates
    ]
    header = (
        *("TASK", "PER MINUTE", "STARTED", "FAILED", "RETRIED", "DEAD"),
        *("WAITED P50", "P95", "RAN P50", "P95"),
    )
    return table(header, rows)


def minute_table(counters: "Sequence[MinuteCounters]") -> str:
    """Return one line for each task and minute."""
    rows = [
        (
            f"{each.minute:%Y-%m-%d %H:%M}",
            one_line(each.task_name),
            str(each.started),
            str(each.succeeded),
            str(each.failed),
            str(each.retried),
            str(each.dead),
        )
        for each in counters
    ]
    header = ("MINUTE", "TASK", "STARTED", "SUCCEEDED", "FAILED", "RETRIED", "DEAD")
    return table(header, rows)
