"""NatsConnection: the connection of one event loop, and requests over it that are answered."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import Any, Final, TypeAlias

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from taskiq_core.loggers import get_logger
from taskiq_nats.errors import (
    NatsCommandError,
    NatsLoginError,
    NatsStreamError,
    NatsTimeoutError,
    NatsUnreachableError,
)
from taskiq_nats.storage.server import CONNECT_TIMEOUT, NatsServer

logger = get_logger(__name__)

API: Final = "$JS.API"
STREAM_MISSING: Final = 10059
CONSUMER_MISSING: Final = 10014
MESSAGE_MISSING: Final = 10037
NAME_TAKEN: Final = 10058
WRONG_SEQUENCE: Final = 10071
_MISSING: Final = frozenset({STREAM_MISSING, CONSUMER_MISSING, 10039, 10076})
_LOGIN: Final = ("authorization", "authentication", "permissions")
Request: TypeAlias = tuple[str, bytes, Mapping[str, str] | None]
"""Subject, payload and headers."""
Replies: TypeAlias = Sequence[Msg | Exception]


class NatsConnection:
    """One connection, which renews itself, and the requests over it.

    A request is a message with a reply subject, under one subscription for all. When the connection
    is lost, all requests that wait fail at once; what comes meanwhile waits for the next
    connection, `request_timeout` seconds at most.

    Attributes:
        server: where it connects to.
        on_change: called when the connection was lost, and when it was renewed.

    Args:
        server: opens connections.
    """

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self.on_change: set[Callable[[], None]] = set()
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._connected = asyncio.Event()
        self._tokens = count()
        self._inbox = ""
        self._waiting: dict[str, tuple[asyncio.Future[Msg], float]] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def max_payload(self) -> int:
        """Bytes that a message of the server may have; 1 MiB before it is connected."""
        return self._client.max_payload if self._client is not None else 1_048_576

    async def open(self) -> Client:
        """Connect, or wait until the connection is renewed.

        Raises:
            NatsUnreachableError: no server can be reached.
            NatsLoginError: the server refuses the credentials.
        """
        client = self._client
        if client is None:
            async with self._opening:
                client = self._client = self._client or await self._connect()
        if not client.is_connected:
            await self._wait_connected()
        return client

    async def close(self) -> None:
        """Disconnect; may be called twice."""
        client, self._client = self._client, None
        self._fail_all("the connection was closed")
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        if client is not None:
            with suppress(nats.errors.Error, OSError, TimeoutError):
                if client.is_connected:
                    await client.flush(timeout=CONNECT_TIMEOUT)
            await client.close()

    # -- requests -----------------------------------------------------------------------------

    async def post(
        self, subject: str, payload: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> asyncio.Future[Msg]:
        """Send a request.

        Args:
            subject: that it is published to.
            payload: its bytes.
            headers: of the message.

        Returns:
            A future of the answer.

        Raises:
            NatsUnreachableError: there is no connection.
        """
        client = await self.open()
        token = str(next(self._tokens))
        future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future, monotonic() + self.server.request_timeout
        if self._sweeper is None:
            self._sweep_later()
        try:
            reply = f"{self._inbox}.{token}"
            await client.publish(subject, payload, reply, dict(headers) if headers else None)
        except BaseException as error:
            self._waiting.pop(token, None)
            if isinstance(error, nats.errors.Error):
                raise self.unreachable(error) from error
            raise
        return future

    async def call(
        self, subject: str, payload: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Msg:
        """Send a request and return its answer.

        Args:
            subject: that it is published to.
            payload: its bytes.
            headers: of the message.
        """
        return await (await self.post(subject, payload, headers))

    async def call_many(
        self, requests: Iterable[tuple[str, bytes, Mapping[str, str] | None]]
    ) -> Replies:
        """Send requests in one write and return their answers, or errors, in their order."""
        futures = [await self.post(*each) for each in requests]
        return await asyncio.gather(*futures, return_exceptions=True)  # type: ignore[return-value]  # no BaseException is set

    async def tell(self, subject: str, payload: bytes, reply: str = "") -> None:
        """Send a message without waiting for an answer.

        Args:
            subject: that it is published to.
            payload: its bytes.
            reply: the subject that answers go to.
        """
        client = await self.open()
        try:
            await client.publish(subject, payload, reply)
        except nats.errors.Error as error:
            raise self.unreachable(error) from error

    async def subscribe(self, subject: str, received: Callable[[Msg], None]) -> Subscription:
        """Have a function called with the messages of a subject; renewed with the connection."""

        async def call(message: Msg) -> None:
            received(message)

        client = await self.open()
        try:
            return await client.subscribe(
                subject, cb=call, pending_msgs_limit=0, pending_bytes_limit=0
            )
        except nats.errors.Error as error:
            raise self.unreachable(error) from error

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription when what is on its way has been received."""
        with suppress(nats.errors.Error, OSError, TimeoutError):
            async with asyncio.timeout(self.server.request_timeout):
                if self._client is not None and self._client.is_connected:
                    await subscription.drain()  # type: ignore[no-untyped-call]  # nats-py 2
                else:
                    await subscription.unsubscribe()

    async def leave(self, subscription: Subscription) -> None:
        """End a subscription; messages that are on their way are dropped."""
        with suppress(nats.errors.Error, OSError, TimeoutError):
            await subscription.unsubscribe()

    def new_inbox(self) -> str:
        """Return a subject for messages to this connection alone."""
        return f"{self._inbox}.to.{next(self._tokens)}"

    # -- JetStream ----------------------------------------------------------------------------

    async def api(self, request: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request of JetStream, such as `STREAM.INFO.name`, and return the answer.

        Raises:
            NatsCommandError: it is refused.
        """
        payload = b"" if body is None else json.dumps(body).encode()
        return self.answer_of(await self.call(f"{API}.{request}", payload), request)

    async def publish(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None
    ) -> int:
        """Store a message in the stream of its subject.

        Args:
            subject: that it is published to.
            payload: its bytes.
            headers: of the message.

        Returns:
            Its number in the stream; of the first one, if a `Nats-Msg-Id` is repeated.
        """
        number: int = self.answer_of(await self.call(subject, payload, headers), subject)["seq"]
        return number

    def answer_of(self, message: Msg, request: str) -> dict[str, Any]:
        """Return the answer of JetStream; raises NatsCommandError for an error."""
        try:
            answer: dict[str, Any] = json.loads(message.data)
        except ValueError as error:
            raise self._refused(request, "its answer can't be read", 0) from error
        if "error" in answer:
            error_of = answer["error"]
            raise self._refused(
                request, error_of.get("description", ""), error_of.get("err_code", 0)
            )
        return answer

    # -- errors -------------------------------------------------------------------------------

    def unreachable(self, error: BaseException) -> NatsUnreachableError:
        """Return ours for an error of the client library."""
        reason = str(error).removeprefix("nats: ").strip("'\" ") or type(error).__name__
        kind = NatsUnreachableError
        if any(word in reason.lower() for word in _LOGIN):
            kind = NatsLoginError
        return kind(address=self.server.address, reason=reason)

    def _refused(self, request: str, reason: str, code: int) -> NatsCommandError:
        kind = NatsStreamError if code in _MISSING else NatsCommandError
        return kind(address=self.server.address, request=request, reason=reason, code=code)

    # -- the connection -----------------------------------------------------------------------

    async def _connect(self) -> Client:
        client = Client()
        failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        errors: list[BaseException] = []

        async def on_error(error: Exception) -> None:
            logger.debug("NATS at %s: %s", self.server.address, type(error).__name__)
            errors.append(error)
            is_final = isinstance(self.unreachable(error), NatsLoginError)
            if (is_final or len(errors) >= self.server.count) and not failed.done():
                failed.set_result(error)

        options: dict[str, Any] = self.server.connect_options() | {
            "error_cb": on_error,
            "disconnected_cb": self._lost,
            "reconnected_cb": self._renewed,
        }
        connecting: asyncio.Future[Any] = asyncio.ensure_future(client.connect(**options))
        try:
            await self._wait_for_first(connecting, failed)
            self._inbox = client.new_inbox()
            await client.subscribe(
                f"{self._inbox}.*", cb=self._answered, pending_msgs_limit=0, pending_bytes_limit=0
            )
        except BaseException:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await client.close()
            raise
        self._connected.set()
        return client

    async def _wait_for_first(
        self, connecting: "asyncio.Future[Any]", failed: "asyncio.Future[Any]"
    ) -> None:
        """Wait until the client is connected, or has failed with each server once."""
        patience = CONNECT_TIMEOUT * (self.server.count + 1)
        await asyncio.wait(
            {connecting, failed}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        if not connecting.done():
            reason = failed.result() if failed.done() else TimeoutError("it does not answer")
            raise self.unreachable(reason) from reason
        try:
            await connecting
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise self.unreachable(error) from error

    async def _wait_connected(self) -> None:
        try:
            async with asyncio.timeout(self.server.request_timeout):
                await self._connected.wait()
        except TimeoutError as error:
            raise NatsUnreachableError(
                address=self.server.address, reason="the connection was lost"
            ) from error

    async def _lost(self) -> None:
        self._connected.clear()
        self._fail_all("the connection was lost")
        self._tell_change()

    async def _renewed(self) -> None:
        self._connected.set()
        self._tell_change()

    def _tell_change(self) -> None:
        for changed in list(self.on_change):
            changed()

    async def _answered(self, message: Msg) -> None:
        future, _ = self._waiting.pop(message.subject.rpartition(".")[2], (None, 0.0))
        if future is None or future.done():
            return
        if message.headers and message.headers.get("Status") == "503":
            _fail(future, self._refused("a request", "nobody answers", STREAM_MISSING))
        else:
            future.set_result(message)

    def _fail_all(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, {}
        for future, _ in waiting.values():
            _fail(future, NatsUnreachableError(address=self.server.address, reason=reason))

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(self.server.request_timeout / 4, self._sweep)

    def _sweep(self) -> None:
        """Fail the requests that were not answered in time; one timer serves all."""
        self._sweeper = None
        now = monotonic()
        for token, (future, deadline) in list(self._waiting.items()):
            if deadline > now:
                break  # in the order in which they were sent
            del self._waiting[token]
            timeout = self.server.request_timeout
            _fail(future, NatsTimeoutError(address=self.server.address, timeout=timeout))
        if self._waiting:
            self._sweep_later()


def _fail(future: "asyncio.Future[Msg]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        # Its caller may have ended by the failure of another request: nothing is to be logged.
        future.exception()
