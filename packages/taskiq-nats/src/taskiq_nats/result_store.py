"""ResultStore: results in a stream with one subject for each task, as one event loop sees them."""

import asyncio
from typing import Any, Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from taskiq_core.loggers import get_logger
from taskiq_nats.errors import NatsCommandError, NatsUnreachableError, ResultTooLargeError
from taskiq_nats.storage.connection import WRONG_SEQUENCE, NatsConnection
from taskiq_nats.storage.names import token_of
from taskiq_nats.storage.server import NatsServer
from taskiq_nats.storage.streams import NANOSECONDS, create_stream, stream
from taskiq_nats.storage.values import EXPECTED

logger = get_logger(__name__)

RETRY: Final = 0.2
"""Seconds between two attempts to subscribe without a connection."""
_ATTEMPTS: Final = 20


class ResultStore:
    """Saves and loads results; the server sends a stored one to the callers that wait for it.

    What is stored has the form `[a line with the fence or nothing, the bytes of the result]`.

    Attributes:
        connection: to the server.

    Args:
        server: opens connections.
        bucket: the name of the stream.
        ttl: seconds that results are kept; None for ever.
    """

    def __init__(self, server: NatsServer, bucket: str, *, ttl: float | None) -> None:
        self.connection = NatsConnection(server)
        token = token_of(bucket).replace("=", "_")
        self._stream = f"taskiq-results-{token}"
        self._subject = f"tq.results.{token}"
        self._pushed = f"tq.pushed.{token}"
        self._ttl = ttl

    async def open(self, *, may_create: bool) -> None:
        """Connect, and create the stream if it is missing."""
        config = stream(
            self._stream,
            f"{self._subject}.>",
            max_msgs_per_subject=1,
            max_age=0 if self._ttl is None else round(self._ttl * NANOSECONDS),
            allow_direct=True,
            republish={
                "src": f"{self._subject}.result.*",
                "dest": f"{self._pushed}.{{{{wildcard(1)}}}}",
            },
        )
        await create_stream(self.connection, config, may_create=may_create)

    async def close(self) -> None:
        """Disconnect."""
        await self.connection.close()

    async def save(self, task_id: str, fence: int | None, body: bytes) -> None:
        """Store a result, unless that of a later delivery is stored.

        Args:
            task_id: of the task.
            fence: of the delivery that made it; None if it has no fence.
            body: the bytes of the result.
        """
        payload = (b"" if fence is None else b"%d" % fence) + b"\n" + body
        limit = self.connection.max_payload
        if len(payload) > limit - 1_024:
            raise ResultTooLargeError(task_id=task_id, size=len(body), limit=limit)
        subject = self._result_subject(task_id)
        if fence is None:
            await self.connection.publish(subject, payload)
            return
        replaced = 0
        for _ in range(_ATTEMPTS):
            try:
                await self.connection.publish(subject, payload, {EXPECTED: str(replaced)})
            except NatsCommandError as error:
                if error.code != WRONG_SEQUENCE:
                    raise
            else:
                return
            replaced, stored = await self._get(subject)
            before = stored.partition(b"\n")[0] if stored is not None else b""
            if before.isdigit() and int(before) > fence:
                return
        raise NatsCommandError(
            address=self.connection.server.address,
            request=subject,
            reason="other results of the task were stored again and again",
        )

    async def load(self, task_id: str) -> bytes | None:
        """Return the bytes of a result; None if there is no result."""
        stored = (await self._get(self._result_subject(task_id)))[1]
        return None if stored is None else stored.partition(b"\n")[2]

    async def wait(self, task_id: str) -> bytes:
        """Return the bytes of a result as soon as it is stored, however long that takes."""
        pushed: asyncio.Queue[bytes | None] = asyncio.Queue()

        def look_again() -> None:
            pushed.put_nowait(None)

        self.connection.on_change.add(look_again)
        try:
            subscription = await self._subscribed(task_id, pushed)
            try:
                while (found := await self._load_if_connected(task_id)) is None:
                    if (found := await pushed.get()) is not None:
                        break
                return found
            finally:
                await self.connection.leave(subscription)
        finally:
            self.connection.on_change.discard(look_again)

    async def _subscribed(
        self, task_id: str, pushed: "asyncio.Queue[bytes | None]"
    ) -> Subscription:
        """Subscribe to the result of a task, when there is a connection."""

        def received(message: Msg) -> None:
            pushed.put_nowait(message.data.partition(b"\n")[2])

        while True:
            try:
                subject = f"{self._pushed}.{token_of(task_id)}"
                return await self.connection.subscribe(subject, received)
            except NatsUnreachableError as error:
                logger.debug("The result of %s is waited for: %s", task_id, error)
                await asyncio.sleep(RETRY)

    async def _load_if_connected(self, task_id: str) -> bytes | None:
        try:
            return await self.load(task_id)
        except NatsUnreachableError:
            return None  # it is looked for again when the connection is renewed

    async def save_progress(self, task_id: str, body: bytes) -> None:
        """Store the progress of a task."""
        await self.connection.publish(self._progress_subject(task_id), body)

    async def load_progress(self, task_id: str) -> bytes | None:
        """Return the progress of a task; None if there is none."""
        return (await self._get(self._progress_subject(task_id)))[1]

    async def _get(self, subject: str) -> tuple[int, bytes | None]:
        """Return the number and the bytes of the latest message of a subject."""
        request = f"$JS.API.DIRECT.GET.{self._stream}.{subject}"
        message = await self.connection.call(request)
        headers: dict[str, Any] = message.headers or {}
        if "Nats-Sequence" not in headers:
            return 0, None
        return int(headers["Nats-Sequence"]), message.data

    def _result_subject(self, task_id: str) -> str:
        return f"{self._subject}.result.{token_of(task_id)}"

    def _progress_subject(self, task_id: str) -> str:
        return f"{self._subject}.progress.{token_of(task_id)}"
