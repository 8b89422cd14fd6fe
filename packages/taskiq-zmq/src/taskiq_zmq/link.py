"""A worker's connection to one hub."""

import asyncio
import logging
from typing import Final, Protocol

import zmq

from taskiq_core.exceptions import LeaseLostError
from taskiq_zmq import records
from taskiq_zmq.addresses import Address
from taskiq_zmq.deliveries import ZeroMQDelivery
from taskiq_zmq.frames import FrameError, decode_batch
from taskiq_zmq.loop_socket import LoopSocket
from taskiq_zmq.monitor import HANDSHAKE_FAILURES, Monitor
from taskiq_zmq.outbox import Outbox
from taskiq_zmq.quiet_log import QuietLog
from taskiq_zmq.records import Record
from taskiq_zmq.wire import WireOptions

logger = logging.getLogger(__name__)

RETRY: Final = 0.005
"""Seconds before a batch that the socket did not take is offered again."""
_MAX_EPOCH: Final = 0xFFFF_FFFF


class LinkOwner(Protocol):
    """What a link tells its worker."""

    def on_up(self, link: "Link") -> None:
        """The hub knows us."""

    def on_down(self, link: "Link") -> None:
        """The connection is lost, and with it what was delivered over it."""

    def on_record(self, link: "Link", record: Record) -> None:
        """The hub says something."""

    def on_settled(self, delivery: ZeroMQDelivery) -> None:
        """A delivery is settled."""

    def flush_soon(self) -> None:
        """There is something to send."""


class Link:
    """One DEALER socket, connected to one hub, again and again.

    Each connection is an epoch of its own: it begins with HELLO and WELCOME, and what belongs to an
    earlier one is neither sent nor heard.

    Args:
        address: of the hub, resolved.
        name: of this worker, for the hub's log.
        owner: who is told.
    """

    def __init__(
        self,
        *,
        address: Address,
        name: str,
        owner: LinkOwner,
        wire: WireOptions,
        context: "zmq.Context[zmq.Socket[bytes]]",
    ) -> None:
        self.address = address
        self.epoch = 0
        self.is_up = False
        self.outbox = Outbox(0)
        self._name = name
        self._owner = owner
        self._session = b""
        self._quiet_log = QuietLog(logger)
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        socket = context.socket(zmq.DEALER)
        try:
            wire.prepare(socket, address)
            # Nothing waits in the socket for a connection that may be one to another hub.
            socket.immediate = True
            if wire.curve is not None:
                wire.curve.secure_worker(socket)
        except BaseException:
            socket.close(0)
            raise
        # Before it connects: else the first connection could be missed.
        self._monitor = Monitor(socket, self._on_connection)
        try:
            socket.connect(str(address))
        except BaseException:
            self._monitor.close()
            socket.close(0)
            raise
        self._socket = LoopSocket(socket, self._on_message)

    def close(self, linger: float) -> None:
        """Say goodbye, and let what was sent leave for `linger` seconds."""
        if self._retry is not None:
            self._retry.cancel()
        if self.is_up:
            self.is_up = False
            self.outbox.add(records.Goodbye())
            self._send_all()
        self._monitor.close()
        self._socket.close(linger)

    def flush(self) -> None:
        """Send what there is to send."""
        if self.is_up:
            self._send_all()

    def settle(
        self, delivery: ZeroMQDelivery, record: records.Release | records.Bury | None
    ) -> None:
        """Send what became of a delivery; None acknowledges it.

        Raises:
            LeaseLostError: it came over an earlier connection.
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
        """Whether the delivery came over the connection that stands."""
        return self.is_up and delivery.epoch == self.epoch

    # -- sending ------------------------------------------------------------------------------

    def _send_all(self) -> None:
        while (batch := self.outbox.peek()) is not None:
            try:
                sent = self._socket.send((batch,))
            except zmq.ZMQError as error:
                self._quiet_log.warning("Can't send to %s: %s", self.address, error)
                sent = False
            if not sent:
                if self._retry is None:
                    self._retry = self._loop.call_later(RETRY, self._send_again)
                return
            self.outbox.drop_first()

    def _send_again(self) -> None:
        self._retry = None
        self._send_all()

    # -- receiving ----------------------------------------------------------------------------

    def _on_message(self, parts: list[bytes]) -> None:
        try:
            epoch, batch = decode_batch(parts[-1])
        except FrameError as error:
            self._quiet_log.warning("Dropped what came from %s: %s", self.address, error)
            return
        if epoch != self.epoch:
            return
        for record in batch:
            if not self.is_up:
                self._on_first_record(record)
            elif isinstance(record, records.Goodbye):
                logger.info("The client at %s left", self.address)
                self._set_down()
            else:
                self._owner.on_record(self, record)

    def _on_first_record(self, record: Record) -> None:
        if isinstance(record, records.Welcome):
            self._log_session(record.session)
            self.is_up = True
            self._owner.on_up(self)
        elif isinstance(record, records.Refused):
            logger.warning("The client at %s refused this worker: %s", self.address, record.reason)

    def _log_session(self, session: bytes) -> None:
        if self._session and session != self._session:
            logger.info("The client at %s was restarted; connected to the new one", self.address)
        else:
            logger.info("Connected to the client at %s", self.address)
        self._session = session

    # -- connections --------------------------------------------------------------------------

    def _on_connection(self, event: zmq.Event) -> None:
        if event == zmq.Event.HANDSHAKE_SUCCEEDED:
            self._lose()
            self.epoch = self.epoch % _MAX_EPOCH + 1
            self.outbox = Outbox(self.epoch)
            self.outbox.add(records.Hello(self._name))
            self._send_all()
        elif event == zmq.Event.DISCONNECTED:
            self._lose()
        elif event & HANDSHAKE_FAILURES:
            self._quiet_log.warning(
                "The client at %s refused the connection: are the CURVE keys right?", self.address
            )

    def _lose(self) -> None:
        if self.is_up:
            logger.warning("The connection to the client at %s is lost", self.address)
        self._set_down()

    def _set_down(self) -> None:
        self.outbox = Outbox(self.epoch)
        if self.is_up:
            self.is_up = False
            self._owner.on_down(self)
