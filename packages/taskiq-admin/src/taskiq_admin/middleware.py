"""TaskiqAdminMiddleware: reports tasks to a dashboard, without making them wait for it."""

import asyncio
import logging
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from taskiq_admin import reports
from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.exceptions import NoResultError, reason_of
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.result import TaskiqResult

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 10_000
"""How many reports wait for a slow server; later ones are dropped, and that is logged."""

_Report = tuple[str, str, dict[str, Any]]


class TaskiqAdminMiddleware(TaskiqMiddleware):
    """Reports to a taskiq-admin server when tasks are queued, started and executed.

    Reports are sent in the background, in their order: a server that is slow, or gone, neither
    delays a task nor fails it. What can't be reported is logged and dropped.

    Args:
        url: of the server, as in "http://localhost:3000".
        api_token: the server's token; it never appears in logs.
        timeout: seconds that a report may take.
        taskiq_broker_name: shown as the worker of a task.
    """

    def __init__(
        self,
        url: str,
        api_token: str,
        timeout: int = 5,
        taskiq_broker_name: str | None = None,
    ) -> None:
        super().__init__()
        self.url = url.rstrip("/")
        self.api_token = api_token
        self.timeout = timeout
        self._name = taskiq_broker_name
        self._waiting: asyncio.Queue[_Report] = asyncio.Queue(MAX_WAITING)
        self._sender: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._dropped = 0

    async def startup(self) -> None:
        """Start sending; may be called twice."""
        if self._sender is None or self._sender.done():
            self._is_stopping = False
            self._sender = asyncio.create_task(self._send_all())

    async def shutdown(self) -> None:
        """Send waiting reports, for at most the time limit of one report, and stop."""
        if self._sender is None:
            return
        try:
            async with asyncio.timeout(self.timeout):
                await self._waiting.join()
        except TimeoutError:
            logger.warning("%d reports to %s are dropped", self._waiting.qsize(), self.url)
        self._is_stopping = True  # aiohttp may take a cancellation for its own time limit
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)
        self._sender = None

    async def post_send(self, message: TaskiqMessage) -> None:
        """Report that the task is queued."""
        await self._report(message, "queued", reports.queued(message, self._name))

    async def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Report that the task is started."""
        await self._report(message, "started", reports.started(message, self._name))
        return message

    async def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Report the result of the task, unless it will run again."""
        if not isinstance(result.error, NoResultError):
            await self._report(message, "executed", reports.executed(result))

    async def _report(self, message: TaskiqMessage, event: str, body: dict[str, Any]) -> None:
        await self.startup()  # a client that never calls startup() reports as well
        try:
            self._waiting.put_nowait((message.task_id, event, body))
        except asyncio.QueueFull:
            self._dropped += 1
            if self._dropped % MAX_WAITING == 1:
                logger.warning("%s is too slow: %d reports dropped", self.url, self._dropped)

    async def _send_all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self.timeout)
        headers = {"access-token": self.api_token}
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
            while not self._is_stopping:
                report = await self._waiting.get()
                try:
                    await self._send(session, report)
                finally:
                    self._waiting.task_done()

    async def _send(self, session: aiohttp.ClientSession, report: _Report) -> None:
        task_id, event, body = report
        url = f"{self.url}/api/tasks/{quote(task_id, safe='')}/{event}"
        try:
            async with session.post(url, json=body) as response:
                if not response.ok:
                    logger.warning("%s answered %d to %r", self.url, response.status, event)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            logger.warning("%r can't be sent to %s: %s", event, self.url, reason_of(error))
