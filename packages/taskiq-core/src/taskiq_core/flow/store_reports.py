"""What a worker writes to its broker's store about itself: its record, and its history."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.flow import delivery_end
from taskiq_core.flow.handle import DeliveryHandler
from taskiq_core.flow.history import HistoryRecorder
from taskiq_core.flow.presence import Presence, PresentWorker


@asynccontextmanager
async def store_reports(
    broker: AsyncBroker, handler: DeliveryHandler, worker: PresentWorker
) -> AsyncGenerator[None, None]:
    """Announce a worker and write its history meanwhile, where the broker keeps them.

    Args:
        broker: which has started; what it keeps is decided here, once.
        handler: tells which deliveries have ended.
        worker: is announced.
    """
    abilities = broker.capabilities or frozenset()
    presence = recorder = None
    tasks: list[asyncio.Task[None]] = []
    log_end = delivery_end.log_end if delivery_end.logger.isEnabledFor(logging.INFO) else None
    handler.report_end = log_end
    if Capability.PRESENCE in abilities and broker.worker_id:
        presence = Presence(broker, worker)
        tasks.append(asyncio.create_task(presence.run()))
    if Capability.HISTORY in abilities and broker.history is not None:
        recorder = HistoryRecorder(broker, log_end)
        handler.report_end = recorder.report_end
        tasks.append(asyncio.create_task(recorder.run()))
    try:
        yield
    finally:
        handler.report_end = log_end
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if recorder is not None:
            await recorder.flush()
        if presence is not None:
            await presence.withdraw()
