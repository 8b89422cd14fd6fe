"""HistoryRecorder: writes the deliveries that have ended to the broker, about once a second."""

import asyncio
from collections import deque
from time import monotonic
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.exceptions import reason_of
from taskiq_core.flow.delivery_end import ReportEnd, log_end
from taskiq_core.flow.history_entries import EndedDelivery, MinuteTable
from taskiq_core.flow.run_state import Run
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.outcomes import Outcome

logger = get_logger(__name__)

FLUSH_INTERVAL: Final = 1.0
"""Seconds between two writes."""
SHARE: Final = 20
"""The pause after a write is so many times as long: the time of a busy worker is for its tasks."""
MAX_INTERVAL: Final = 5.0
"""Seconds between two writes at most."""
FLUSH_TIMEOUT: Final = 5.0
"""Seconds that a write gets."""
MAX_RECORDS: Final = 1_000
"""Deliveries of one write."""
MAX_WAITING: Final = 10_000
"""Deliveries, and counters, that wait for a write; the oldest are dropped first."""


class HistoryRecorder:
    """Keeps what has ended in memory until it is written to the broker's history.

    Args:
        broker: whose history to write; its attribute `history` says how much is kept.
        log: logs a delivery that has ended; None if the log does not have such lines.
    """

    def __init__(self, broker: AbstractBroker, log: ReportEnd | None = log_end) -> None:
        self._broker = broker
        self._log = log
        options = broker.history
        # More than the store keeps would be forgotten as soon as it is written.
        self._most = MAX_WAITING if options is None else min(MAX_WAITING, options.max_deliveries)
        self._ended: deque[EndedDelivery] = deque(maxlen=self._most)
        self._skipped = 0  # deliveries that there was no place for since the last write
        self._minutes = MinuteTable()
        self._is_in_trouble = False

    def report_end(self, delivery: Delivery, run: Run, outcome: Outcome) -> None:
        """Note that a delivery has ended, and log it.

        Args:
            delivery: which has ended.
            run: what is known of it.
            outcome: what was decided; `LEAVE` if that could not be done.
        """
        if self._log is not None:
            self._log(delivery, run, outcome)
        ended = EndedDelivery.of(delivery, run, outcome)
        if len(self._ended) == self._most:
            self._skipped += 1
        self._ended.append(ended)
        self._minutes.count(ended)

    async def run(self) -> None:
        """Write what has ended each second, or less often if that takes long."""
        took = 0.0
        while True:
            await asyncio.sleep(min(max(FLUSH_INTERVAL, SHARE * took), MAX_INTERVAL))
            started = monotonic()
            await self.flush()
            took = monotonic() - started

    async def flush(self) -> None:
        """Write what has ended since the last write. If that fails, the next one tries again.

        What ends meanwhile waits for the next call: a busy worker would never come to an end here.
        """
        ended, self._ended = list(self._ended), deque(maxlen=self._most)
        minutes, self._minutes = self._minutes, MinuteTable()
        while ended or minutes:
            try:
                await self._write(ended[:MAX_RECORDS], minutes)
            except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
                self._say_trouble(error, self._take_back(ended, minutes))
                return
            except asyncio.CancelledError:
                self._take_back(ended, minutes)
                raise
            ended, minutes = ended[MAX_RECORDS:], MinuteTable()
            self._is_in_trouble = False
        self._skipped = 0  # the store would not have kept them

    async def _write(self, ended: list[EndedDelivery], minutes: MinuteTable) -> None:
        worker_id, queue = self._broker.worker_id, self._broker.queue_name
        records = [one.record(worker_id=worker_id, default_queue=queue) for one in ended]
        async with asyncio.timeout(FLUSH_TIMEOUT):
            await self._broker.add_history(records, minutes.counters())

    def _take_back(self, ended: list[EndedDelivery], minutes: MinuteTable) -> int:
        """Keep what was not written, and return the number of deliveries dropped."""
        dropped = max(0, len(ended) + len(self._ended) - self._most)
        self._ended.extendleft(reversed(ended[dropped:]))
        dropped, self._skipped = dropped + self._skipped, 0
        minutes.add(self._minutes)
        minutes.keep_latest(MAX_WAITING)
        self._minutes = minutes
        return dropped

    def _say_trouble(self, error: Exception, dropped: int) -> None:
        if dropped or not self._is_in_trouble:
            logger.warning(
                "The history can't be written and waits in memory: %s. Deliveries dropped: %d",
                reason_of(error),
                dropped,
            )
        self._is_in_trouble = True
