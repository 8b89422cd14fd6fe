"""Link: a worker's connection to one hub."""

import asyncio
from typing import Final, Protocol

import zmq

from taskiq_core.exceptions import LeaseLostError
from taskiq_core.loggers import get_logger
from taskiq_zmq.delivery import ZeroMQDelivery
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.frames import FrameError, decode_batch
from taskiq_zmq.protocol.outbox import Outbox
from taskiq_zmq.protocol.records import Record
from taskiq_zmq.transport.addresses import Address
from taskiq_zmq.transport.loop_socket import LoopSocket
from taskiq_zmq.transport.monitor import HANDSHAKE_FAILURES, Monitor
from taskiq_zmq.transport.rate_limited_log import RateLimitedLog
from taskiq_zmq.transport.wire import WireOptions

logger = get_logger(__name__)

RETRY: Final = 0.005
"""Seconds before the next attempt to send a batch that the socket did not take."""
_MAX_EPOCH: Final = 0xFFFF_FFFF


class LinkOwner(Protocol):
    """What a link reports to its worker."""

    def on_up(self, link: "Link") -> None:
        """Handle a hub that accepted this worker."""

    def on_down(self, link: "Link") -> None:
        """Handle the loss of a connection, and of the deliveries that came over it."""

    def on_record(self, link: "Link", record: Record) -> None:
        """Handle a record of the hub."""

    def on_settled(self, delivery: ZeroMQDelivery) -> None:
        """Handle a delivery that is settled."""

    def flush_soon(self) -> None:
        """Send the outbox at the end of this turn."""


class Link:
    """One DEALER socket, connected to one hub, again and again.

    Each connection has an epoch: it begins with HELLO and WELCOME, and records of an earlier one
    are neither sent nor read.

    libzmq gives an address up for good after a peer that breaks ZMTP, such as a socket of another
    kind. So while the hub is silent a new socket replaces the old one, every `heartbeats.timeout`
    seconds. While the link is up, libzmq's own heartbeats watch the connection.

    Args:
        address: of the hub, resolved.
        hello: what this worker says first.
        owner: handles the events.
        wire: options of the socket.
        context: makes the sockets.
    """

    def __init__(
        self,
        *,
        address: Address,
        hello: records.Hello,
        owner: LinkOwner,
        wire: WireOptions,
        context: "zmq.Context[zmq.Socket[bytes]]",
    ) -> None:
        self.address = address
        self.epoch = 0
        self.is_up = False
        self.outbox = Outbox(0)
        self._hello = hello
        self._owner = owner
        self._wire = wire
        self._context = context
        self._session = b""
        self._limited_log = RateLimitedLog(logger)
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._open()

    def close(self, linger: float) -> None:
        """Say goodbye, and give sent records `linger` seconds to leave."""
        for timer in (self._retry, self._silence):
            if timer is not None:
                timer.cancel()
        if self.is_up:
            self.is_up = False
            self._send_all()  # a hub that read GOODBYE takes no acknowledgement
            self.outbox.add(records.Goodbye())
            self._send_all()
        self._close_socket(linger)

    def flush(self) -> None:
        """Send the outbox."""
        if self.is_up:
            self._send_all()

    def settle(
        self, delivery: ZeroMQDelivery, record: records.Release | records.Bury | None
    ) -> None:
        """Send the record that settles a delivery; None acknowledges it.

        Raises:
            LeaseLostError: the delivery came over an earlier connection.
        """
        if not self.holds(delivery):
            self._owner.on_settled(delivery)
            reason = f"the connection to the client at {self.address} was lost meanwhile"
            raise LeaseLostError(reason=reason)
        if record is None:
            self.outbox.add_ack(delivery.tag)
        else:
            self.outbox.add(record)
        self._owner.on_settled(delivery)
        self._owner.flush_soon()

    def holds(self, delivery: ZeroMQDelivery) -> bool:
        """Return whether the delivery came over the present connection."""
        return self.is_up and delivery.epoch == self.epoch

    def _open(self) -> None:
        socket = self._context.socket(zmq.DEALER)
        try:
            self._wire.prepare(socket, self.address)
            # Nothing waits in the socket for a connection that may be one to another hub.
            socket.immediate = True
            if self._wire.curve is not None:
                self._wire.curve.secure_worker(socket)
        except BaseException:
            socket.close(0)
            raise
        # Before it connects: else the first connection could be missed.
        self._monitor = Monitor(socket, self._on_connection)
        try:
            socket.connect(str(self.address))
        except BaseException:
            self._monitor.close()
            socket.close(0)
            raise
        self._socket = LoopSocket(socket, self._on_message)
        self._heard_at = self._loop.time()
        self._watch_silence()

    def _close_socket(self, linger: float) -> None:
        self._monitor.close()
        self._socket.close(linger)

    def _watch_silence(self) -> None:
        if self._silence is None:
            due = self._heard_at + self._wire.heartbeats.timeout
            self._silence = self._loop.call_at(due, self._on_silence)

    def _on_silence(self) -> None:
        self._silence = None
        if self.is_up:
            return
        if self._loop.time() < self._heard_at + self._wire.heartbeats.timeout:
            self._watch_silence()
            return
        self._limited_log.warning("No client answers at %s; connecting again", self.address)
        self._close_socket(0)
        self._open()

    def _send_all(self) -> None:
        while (batch := self.outbox.peek()) is not None:
            try:
                sent = self._socket.send((batch,))
            except zmq.ZMQError as error:
                self._limited_log.warning("Can't send to %s: %s", self.address, error)
                sent = False
            if not sent:
                if self._retry is None:
                    self._retry = self._loop.call_later(RETRY, self._send_again)
                return
            self.outbox.drop_first()

    def _send_again(self) -> None:
        self._retry = None
        self._send_all()

    def _on_message(self, parts: list[bytes]) -> None:
        try:
            epoch, batch = decode_batch(parts[-1])
        except FrameError as error:
            self._limited_log.warning("Dropped a message of %s: %s", self.address, error)
            return
        if epoch != self.epoch:
            return
        for record in batch:
            if not self.is_up:
                self._on_first_record(record)
            elif isinstance(record, records.Goodbye):
                logger.info("The client at %s shuts down", self.address)
                self._set_down()
            else:
                self._owner.on_record(self, record)

    def _on_first_record(self, record: Record) -> None:
        if isinstance(record, records.Welcome):
            self._log_session(record.session)
            self.is_up = True
            self._owner.on_up(self)
        elif isinstance(record, records.Refused):
            self._limited_log.warning(
                "The client at %s refused this worker: %s", self.address, record.reason
            )

    def _log_session(self, session: bytes) -> None:
        if self._session and session != self._session:
            logger.info("Connected to a new client at %s", self.address)
        else:
            logger.info("Connected to the client at %s", self.address)
        self._session = session

    def _on_connection(self, event: zmq.Event, value: int) -> None:
        del value
        if event == zmq.Event.HANDSHAKE_SUCCEEDED:
            self._lose()
            self._heard_at = self._loop.time()
            self.epoch = self.epoch % _MAX_EPOCH + 1
            self.outbox = Outbox(self.epoch)
            self.outbox.add(self._hello)
            self._send_all()
        elif event == zmq.Event.DISCONNECTED:
            self._lose()
        elif event & HANDSHAKE_FAILURES:
            self._limited_log.warning(
                "The connection to %s failed: are the CURVE keys right, and is a client of this "
                "broker there?",
                self.address,
            )

    def _lose(self) -> None:
        if self.is_up:
            logger.warning("The connection to the client at %s is lost", self.address)
        self._set_down()

    def _set_down(self) -> None:
        self.outbox = Outbox(self.epoch)
        if self.is_up:
            self.is_up = False
            self._heard_at = self._loop.time()
            self._watch_silence()
            self._owner.on_down(self)
