"""The client's socket: batches from and to its workers, and which of them are there."""

import asyncio
import logging
from typing import Final, Protocol

import zmq

from taskiq_zmq import records
from taskiq_zmq.addresses import Address
from taskiq_zmq.curve import Doorkeeper
from taskiq_zmq.errors import AddressError, AddressInUseError
from taskiq_zmq.frames import FrameError, decode_batch, encode, encode_batch
from taskiq_zmq.loop_socket import LoopSocket
from taskiq_zmq.monitor import HANDSHAKE_FAILURES, Monitor
from taskiq_zmq.peers import Peer, Peers
from taskiq_zmq.quiet_log import QuietLog
from taskiq_zmq.records import Record
from taskiq_zmq.timers import Timers
from taskiq_zmq.wire import WireOptions

logger = logging.getLogger(__name__)

RETRY: Final = 0.01
"""Seconds before a worker whose buffer is full is sent to again."""
SWEEPS: Final = (0.001, 0.02, 0.1, 0.5)
"""Seconds after a lost connection at which it is looked for whose it was: libzmq tells of the loss
a moment before it knows that there is no way to the worker any more."""
FAREWELL: Final = 0.2
"""Seconds that the last batches get to leave, when the socket is closed."""
_IDENTITY_AND_BATCH: Final = 2


class SwitchboardOwner(Protocol):
    """What a switchboard tells its hub."""

    def on_hello(self, identity: bytes, epoch: int, name: str) -> Peer | None:
        """A worker is there; None refuses it."""
        ...

    def on_record(self, peer: Peer, record: Record) -> None:
        """A worker says something."""

    def on_lost(self, peer: Peer, reason: str) -> None:
        """A worker is gone; an empty reason if it said so itself."""

    def flush_soon(self) -> None:
        """Something happened that may need an answer."""


class Switchboard:
    """One ROUTER socket, bound, and the peers that said HELLO.

    The identities of connections are chosen by libzmq, so nobody can take another's.

    Args:
        peers: shared with the owner, who adds to them.
        owner: who is told.
    """

    def __init__(self, *, peers: Peers, wire: WireOptions, owner: SwitchboardOwner) -> None:
        self.bound_address = ""
        self._peers = peers
        self._wire = wire
        self._owner = owner
        self._quiet_log = QuietLog(logger)
        self._loop = asyncio.get_running_loop()
        self._timers = Timers()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._strangers = 0
        """Lost connections, less the workers that were lost."""
        self._socket: LoopSocket | None = None
        self._monitor: Monitor | None = None
        self._doorkeeper: Doorkeeper | None = None

    # -- life ---------------------------------------------------------------------------------

    def open(self, address: Address, *, broker: str) -> None:
        """Bind, and let workers in; `close` is due even if it fails.

        Raises:
            AddressInUseError: somebody listens there already.
            AddressError: it is no address of this machine, or one that may not be used.
        """
        socket = self._context.socket(zmq.ROUTER)
        try:
            self._prepare(socket, address)
            try:
                socket.bind(str(address))
            except zmq.ZMQError as error:
                raise _bind_error(broker, address, error) from error
        except BaseException:
            self._close_monitor()
            socket.close(0)
            raise
        self.bound_address = socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._socket = LoopSocket(socket, self._on_message)
        self._timers.set("watch", self._wire.heartbeats.interval, self._watch)

    def _prepare(self, socket: "zmq.Socket[bytes]", address: Address) -> None:
        self._wire.prepare(socket, address)
        socket.router_mandatory = True
        curve = self._wire.curve
        if curve is not None:
            curve.secure_server(socket)
            if curve.allowed_workers is not None:
                self._doorkeeper = Doorkeeper(self._context, curve.allowed_workers)
        self._monitor = Monitor(socket, self._on_connection)

    async def close(self) -> None:
        """Let the last batches leave and close; may be called twice."""
        self._timers.cancel()
        self._close_monitor()
        if self._socket is not None:
            self._socket.close(linger=FAREWELL)
        if self._doorkeeper is not None:
            self._doorkeeper.close()
        self._socket = self._doorkeeper = None
        await self._loop.run_in_executor(None, self._context.term)

    def _close_monitor(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None

    # -- sending ------------------------------------------------------------------------------

    def send(self, peer: Peer) -> None:
        """Send what is in the peer's outbox, as far as its buffer takes it."""
        while (batch := peer.outbox.peek()) is not None:
            if not self._transmit(peer, batch):
                return
            peer.outbox.drop_first()

    def refuse(self, identity: bytes, epoch: int, reason: str) -> None:
        """Tell somebody that it is not taken as a worker."""
        batch = encode_batch(epoch, [encode(records.Refused(0, reason))])
        try:
            if self._socket is not None:
                self._socket.send((identity, batch))
        except zmq.ZMQError as error:
            logger.debug("Somebody who was refused is gone: %s", error)

    def _transmit(self, peer: Peer, batch: bytes) -> bool:
        if self._socket is None:
            return False
        try:
            if self._socket.send((peer.identity, batch)):
                return True
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._loop.call_soon(self._lose, peer)
            return False
        self._timers.set("retry", RETRY, self._owner.flush_soon)
        return False

    def _lose(self, peer: Peer) -> None:
        # What it said before it went counts.
        if self._socket is not None:
            self._socket.read_all()
        self._strangers -= 1
        self._owner.on_lost(peer, "its connection is gone")

    # -- receiving ----------------------------------------------------------------------------

    def _on_message(self, parts: list[bytes]) -> None:
        if len(parts) != _IDENTITY_AND_BATCH:
            self._quiet_log.warning("Dropped a message of %d parts: no worker's", len(parts))
            return
        identity, data = parts
        try:
            epoch, batch = decode_batch(data)
        except FrameError as error:
            self._quiet_log.warning("Dropped %d bytes that are no batch: %s", len(data), error)
            return
        peer = self._peers.get(identity)
        for record in batch:
            peer = self._on_record(identity, epoch, peer, record)
        if peer is not None:
            peer.heard = True
        self._owner.flush_soon()

    def _on_record(
        self, identity: bytes, epoch: int, peer: Peer | None, record: Record
    ) -> Peer | None:
        if isinstance(record, records.Hello):
            if peer is not None:
                self._owner.on_lost(peer, "it said hello again")
            return self._owner.on_hello(identity, epoch, record.name)
        if peer is None:
            kind = type(record).__name__
            self._quiet_log.warning("Dropped a %s of somebody who is no worker here", kind)
        elif isinstance(record, records.Goodbye):
            self._strangers -= 1
            self._owner.on_lost(peer, "")
            return None
        else:
            self._owner.on_record(peer, record)
        return peer

    # -- liveness -----------------------------------------------------------------------------

    def _on_connection(self, event: zmq.Event) -> None:
        if event & HANDSHAKE_FAILURES:
            self._quiet_log.warning(
                "A connection to %s was refused: it does not speak ZeroMQ, or has not the right "
                "CURVE keys",
                self.bound_address,
            )
        elif event == zmq.Event.DISCONNECTED:
            self._strangers += 1
            for number, delay in enumerate(SWEEPS):
                self._timers.set(f"sweep {number}", delay, self._sweep)
            self._timers.set("strangers", 2 * SWEEPS[-1], self._report_strangers)

    def _sweep(self) -> None:
        for peer in self._peers:
            self._probe(peer)

    def _report_strangers(self) -> None:
        if self._strangers > 0:
            self._quiet_log.warning(
                "A connection to %s ended that was no worker's, or not any more: it sent garbage, "
                "or a message larger than max_message_size allows",
                self.bound_address,
            )
        self._strangers = 0

    def _watch(self) -> None:
        # A second way to notice a loss, should libzmq's event be lost itself.
        for peer in self._peers:
            if not peer.heard and peer.account.held:
                self._probe(peer)
            peer.heard = False
        self._timers.set("watch", self._wire.heartbeats.interval, self._watch)

    def _probe(self, peer: Peer) -> None:
        # Sending is the only way to ask a ROUTER whether there is a connection; nobody answers.
        if peer.outbox.peek() is None:
            peer.outbox.add(records.Probe())
        self.send(peer)


def _bind_error(broker: str, address: Address, error: zmq.ZMQError) -> AddressError:
    if error.errno == zmq.EADDRINUSE:
        return AddressInUseError(broker=broker, address=str(address))
    reason = f"{error.strerror}. A client binds an address of its own machine, or 0.0.0.0 for all"
    return AddressError(broker=broker, address=str(address), reason=reason)
