"""HistoryRecorder: writes the deliveries that have ended to the broker, about once a second."""

import asyncio
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.exceptions import reason_of
from taskiq_core.flow.delivery_end import log_end
from taskiq_core.flow.history_entries import EndedDelivery, MinuteTable
from taskiq_core.flow.run_state import Run
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.outcomes import Outcome

logger = get_logger(__name__)

FLUSH_INTERVAL: Final = 1.0
"""Seconds between two writes."""
FLUSH_TIMEOUT: Final = 5.0
"""Seconds that a write gets."""
MAX_RECORDS: Final = 1_000
"""Deliveries of one write."""
MAX_WAITING: Final = 10_000
"""Deliveries, and counters, that are kept while the store is down; the oldest are dropped first."""


class HistoryRecorder:
    """Keeps what has ended in memory until it is written to the broker's history.

    Args:
        broker: whose history to write; its attribute `history` says how much is kept.
    """

    def __init__(self, broker: AbstractBroker) -> None:
        self._broker = broker
        self._ended: list[EndedDelivery] = []
        self._minutes = MinuteTable()
        self._is_in_trouble = False

    def report_end(self, delivery: Delivery, run: Run, outcome: Outcome) -> None:
        """Note that a delivery has ended, and log it.

        Args:
            delivery: which has ended.
            run: what is known of it.
            outcome: what was decided; `LEAVE` if that could not be done.
        """
        log_end(delivery, run, outcome)
        ended = EndedDelivery.of(delivery, run, outcome)
        self._ended.append(ended)
        self._minutes.count(ended)

    async def run(self) -> None:
        """Write what has ended each second, until this is cancelled."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL)
            await self.flush()

    async def flush(self) -> None:
        """Write what has ended since the last write. If that fails, the next one tries again."""
        while self._ended or self._minutes:
            ended, self._ended = self._ended[:MAX_RECORDS], self._ended[MAX_RECORDS:]
            minutes, self._minutes = self._minutes, MinuteTable()
            try:
                await self._write(ended, minutes)
            except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
                self._say_trouble(error, self._take_back(ended, minutes))
                return
            except asyncio.CancelledError:
                self._take_back(ended, minutes)
                raise
            self._is_in_trouble = False

    async def _write(self, ended: list[EndedDelivery], minutes: MinuteTable) -> None:
        worker_id, queue = self._broker.worker_id, self._broker.queue_name
        records = [one.record(worker_id=worker_id, default_queue=queue) for one in ended]
        async with asyncio.timeout(FLUSH_TIMEOUT):
            await self._broker.add_history(records, minutes.counters())

    def _take_back(self, ended: list[EndedDelivery], minutes: MinuteTable) -> int:
        """Keep what was not written, and return the number of deliveries dropped."""
        kept = ended + self._ended
        dropped = max(0, len(kept) - MAX_WAITING)
        self._ended = kept[dropped:]
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
