"""Submissions: tasks that a worker sends, until a hub has stored them."""

import asyncio
from collections.abc import Callable, Sequence

from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.message import BrokerMessage
from taskiq_zmq.errors import HubLostError, NoHubError
from taskiq_zmq.protocol import records
from taskiq_zmq.transport.addresses import Address
from taskiq_zmq.worker.link import Link

_MAX_REQUEST = 0xFFFF_FFFF
_GRACE = 1.0
"""Seconds that a hub gets to answer beyond its own timeout."""


class Submissions:
    """Requests to hubs that are not answered yet.

    Args:
        addresses: of the hubs, for errors.
        send_timeout: seconds that a task waits for a connection to a hub, and again for its answer.
    """

    def __init__(self, addresses: Sequence[Address], send_timeout: float) -> None:
        self._addresses = ", ".join(str(address) for address in addresses)
        self._send_timeout = send_timeout
        self._up: dict[Link, None] = {}
        self._came_up = asyncio.Event()
        self._requests: dict[int, tuple[Link, asyncio.Future[str | None]]] = {}
        self._last_request = 0

    async def submit(
        self, message: BrokerMessage, delay: float, queue: str, *, flush_soon: Callable[[], None]
    ) -> None:
        """Have the first connected hub put a task into its queue.

        Args:
            message: the task.
            delay: seconds before it may be delivered.
            queue: where to put it.
            flush_soon: sends the request at the end of this turn.

        Raises:
            NoHubError: no hub is connected.
            HubLostError: the hub was lost before it answered; it may have the task.
            SendTaskError: the hub refused the task.
        """
        link = await self._any_link(message)
        number = self._last_request = self._last_request % _MAX_REQUEST + 1
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        task_id, task_name, body = message.task_id, message.task_name, message.message
        link.outbox.add(records.Submit(number, delay, task_id, task_name, body, queue))
        self._requests[number] = link, answer
        flush_soon()
        try:
            async with asyncio.timeout(self._send_timeout + _GRACE):
                refusal = await answer
        except (TimeoutError, ConnectionError) as error:
            address = str(link.address)
            raise HubLostError(task_name=message.task_name, address=address) from error
        finally:
            self._requests.pop(number, None)
        if refusal is not None:
            raise SendTaskError(task_name=message.task_name, reason=refusal)

    def on_up(self, link: Link) -> None:
        """Add a hub."""
        self._up[link] = None
        self._came_up.set()

    def on_down(self, link: Link) -> None:
        """Fail the requests to a lost hub."""
        self._up.pop(link, None)
        if not self._up:
            self._came_up.clear()
        self._fail(link)

    def stored(self, link: Link, number: int) -> None:
        """Note that a hub stored a task."""
        self._answer(link, number, None)

    def refused(self, link: Link, number: int, reason: str) -> None:
        """Note that a hub refused a task.

        Args:
            link: the connection to the hub.
            number: the request.
            reason: the hub's, for the error that the sender gets.
        """
        self._answer(link, number, reason)

    def close(self) -> None:
        """Fail all requests."""
        for link in list(self._up):
            self.on_down(link)

    async def _any_link(self, message: BrokerMessage) -> Link:
        try:
            async with asyncio.timeout(self._send_timeout):
                while not self._up:
                    await self._came_up.wait()
        except TimeoutError:
            raise NoHubError(
                task_name=message.task_name,
                addresses=self._addresses,
                send_timeout=self._send_timeout,
            ) from None
        return next(iter(self._up))

    def _answer(self, link: Link, number: int, refusal: str | None) -> None:
        asked, answer = self._requests.get(number, (None, None))
        if asked is link and answer is not None and not answer.done():
            answer.set_result(refusal)

    def _fail(self, link: Link) -> None:
        for asked, answer in self._requests.values():
            if asked is link and not answer.done():
                answer.set_exception(ConnectionResetError("the connection to the client was lost"))
