"""RouterSocket: the client's socket, batches to and from its workers, and lost connections."""

import asyncio
from collections import OrderedDict
from typing import Final, Protocol

import zmq

from taskiq_core.loggers import get_logger
from taskiq_zmq.client.connection_guard import ConnectionGuard
from taskiq_zmq.client.peers import Peer, Peers
from taskiq_zmq.client.timers import Timers
from taskiq_zmq.errors import AddressError, AddressInUseError
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.frames import FrameError, decode_batch, encode, encode_batch
from taskiq_zmq.protocol.records import Record
from taskiq_zmq.transport.addresses import Address
from taskiq_zmq.transport.curve import ZapAuthenticator
from taskiq_zmq.transport.loop_socket import LoopSocket
from taskiq_zmq.transport.monitor import HANDSHAKE_FAILURES, Monitor
from taskiq_zmq.transport.rate_limited_log import RateLimitedLog
from taskiq_zmq.transport.wire import WireOptions

logger = get_logger(__name__)

RETRY: Final = 0.01
"""Seconds before the next attempt to send to a worker whose buffer is full."""
SWEEPS: Final = (0.001, 0.02, 0.1, 0.5)
"""Seconds after a lost connection at which its worker is looked for: libzmq reports the loss a
moment before it knows that the worker can't be reached."""
FAREWELL: Final = 0.2
"""Seconds that the last batches get to leave when the socket is closed."""
MAX_OUTBOX: Final = 64 * 1024 * 1024
"""Bytes of waiting records, without the bodies of tasks and results, at which a worker is
disconnected: it does not read."""
MAX_BANNED: Final = 4_096
"""Disconnected peers whose last messages are ignored; libzmq has at most a few of each."""
_IDENTITY_AND_BATCH: Final = 2


class RouterOwner(Protocol):
    """What a router socket reports to its hub."""

    def on_hello(
        self, identity: bytes, source: int, epoch: int, hello: records.Hello
    ) -> Peer | None:
        """Handle a new worker.

        Args:
            identity: what libzmq calls its connection.
            source: the file descriptor of its connection.
            epoch: the number of its connection, which all of its batches carry.
            hello: what the worker says of itself.

        Returns:
            What is kept of the worker; None if it is refused.
        """
        ...

    def on_record(self, peer: Peer, record: Record) -> None:
        """Handle any other record of a worker."""

    def on_lost(self, peer: Peer, reason: str) -> None:
        """Handle the loss of a worker; the reason is empty if it said goodbye."""

    def flush_soon(self) -> None:
        """Send what may be due after an event."""


class RouterSocket:
    """One ROUTER socket, bound, and the peers that said HELLO.

    libzmq chooses the identities of connections, so no peer can take another's. A peer that breaks
    the protocol is disconnected.

    Args:
        peers: shared with the owner, which adds to them.
        owner: handles the events.
    """

    def __init__(self, *, peers: Peers, wire: WireOptions, owner: RouterOwner) -> None:
        self.bound_address = ""
        self._peers = peers
        self._wire = wire
        self._owner = owner
        self._limited_log = RateLimitedLog(logger)
        self._loop = asyncio.get_running_loop()
        self._timers = Timers()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._banned: OrderedDict[bytes, None] = OrderedDict()
        self._guard = self._guard_of("")
        self._socket: LoopSocket | None = None
        self._monitor: Monitor | None = None
        self._authenticator: ZapAuthenticator | None = None

    def open(self, address: Address, *, broker: str) -> None:
        """Bind, and accept workers; `close` must follow even if this fails.

        Raises:
            AddressInUseError: another socket is bound to the address.
            AddressError: the address is not one of this machine, or may not be used.
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
        self._guard = self._guard_of(self.bound_address)
        self._socket = LoopSocket(socket, self._on_message, tracks_source=True)
        self._timers.set("watch", self._wire.heartbeats.interval, self._watch)

    def _guard_of(self, bound_address: str) -> ConnectionGuard:
        return ConnectionGuard(
            bound_address,
            self._wire.max_batch_size,
            is_trusting=self._wire.curve is not None,
            read_all=self._read_all,
            limited_log=self._limited_log,
        )

    def _prepare(self, socket: "zmq.Socket[bytes]", address: Address) -> None:
        self._wire.prepare(socket, address)
        socket.router_mandatory = True
        curve = self._wire.curve
        if curve is not None:
            curve.secure_server(socket)
            if curve.allowed_workers is not None:
                self._authenticator = ZapAuthenticator(self._context, curve.allowed_workers)
        self._monitor = Monitor(socket, self._on_connection)

    async def close(self) -> None:
        """Let the last batches leave, and close; may be called twice."""
        self._timers.cancel()
        self._guard.close()
        self._close_monitor()
        if self._socket is not None:
            self._socket.close(linger=FAREWELL)
        if self._authenticator is not None:
            self._authenticator.close()
        self._socket = self._authenticator = None
        await self._loop.run_in_executor(None, self._context.term)

    def _close_monitor(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None

    def send(self, peer: Peer) -> None:
        """Send the peer's outbox, as far as its buffer takes it."""
        while (batch := peer.outbox.peek()) is not None:
            if not self._transmit(peer, batch):
                break
            peer.outbox.drop_first()
        self._check_outbox(peer)

    def refuse(self, identity: bytes, epoch: int, reason: str) -> None:
        """Send a worker the reason why it is refused.

        Args:
            identity: what libzmq calls its connection.
            epoch: the number of its connection, which the answer carries.
            reason: one line of text, with the cure.
        """
        batch = encode_batch(epoch, [encode(records.Refused(0, reason))])
        try:
            if self._socket is not None:
                self._socket.send((identity, batch))
        except zmq.ZMQError as error:
            logger.debug("A worker that was refused is gone: %s", error)

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

    def _check_outbox(self, peer: Peer) -> None:
        if peer.outbox.size > MAX_OUTBOX and peer.identity not in self._banned:
            self._disconnect(peer.identity, peer.source, "it does not read what it is sent")

    def _lose(self, peer: Peer) -> None:
        # Records that it sent before it was lost count.
        self._read_all()
        self._guard.explain_loss()
        self._owner.on_lost(peer, "its connection is gone")

    def _read_all(self) -> None:
        if self._socket is not None:
            self._socket.read_all()

    def _on_message(self, parts: list[bytes]) -> None:
        identity = parts[0]
        source = -1 if self._socket is None else self._socket.source
        if identity in self._banned:
            return
        self._guard.heard(source)
        if len(parts) != _IDENTITY_AND_BATCH:
            self._disconnect(identity, source, "it sent a message of several parts")
            return
        try:
            epoch, batch = decode_batch(parts[1])
        except FrameError as error:
            self._disconnect(identity, source, f"it sent bytes that are not a batch: {error}")
            return
        peer = self._peers.get(identity)
        for record in batch:
            if isinstance(record, records.Hello):
                if peer is not None:
                    self._disconnect(identity, source, "it sent a second HELLO")
                    return
                peer = self._owner.on_hello(identity, source, epoch, record)
            else:
                peer = self._on_record(peer, record)
        if peer is not None:
            peer.heard = True
            self._check_outbox(peer)
        self._owner.flush_soon()

    def _on_record(self, peer: Peer | None, record: Record) -> Peer | None:
        if peer is None:
            kind = type(record).__name__
            self._limited_log.warning("Dropped a %s of a peer that is not a worker here", kind)
        elif isinstance(record, records.Goodbye):
            self._guard.explain_loss()
            self._owner.on_lost(peer, "")
            return None
        else:
            self._owner.on_record(peer, record)
        return peer

    def _disconnect(self, identity: bytes, source: int, reason: str) -> None:
        """End a connection, and ignore what it sent before that."""
        self._banned[identity] = None
        if len(self._banned) > MAX_BANNED:
            self._banned.popitem(last=False)
        self._guard.disconnect(source, reason)
        peer = self._peers.get(identity)
        if peer is not None:
            self._loop.call_soon(self._owner.on_lost, peer, reason)

    def _on_connection(self, event: zmq.Event, value: int) -> None:
        if event == zmq.Event.ACCEPTED:
            self._guard.on_accepted(value)
        elif event & HANDSHAKE_FAILURES:
            self._guard.on_refused()
        elif event == zmq.Event.DISCONNECTED:
            self._guard.on_disconnected(value)
            for number, delay in enumerate(SWEEPS):
                self._timers.set(f"sweep {number}", delay, self._sweep)

    def _sweep(self) -> None:
        for peer in self._peers:
            self._probe(peer)

    def _watch(self) -> None:
        # A second way to notice a loss, in case libzmq's event is lost itself.
        for peer in self._peers:
            if not peer.heard and peer.consumer.held:
                self._probe(peer)
            peer.heard = False
        self._timers.set("watch", self._wire.heartbeats.interval, self._watch)

    def _probe(self, peer: Peer) -> None:
        # Sending is the only way to learn whether a ROUTER has a connection; a PROBE has no reply.
        if peer.outbox.peek() is None:
            peer.outbox.add(records.Probe())
        self.send(peer)


def _bind_error(broker: str, address: Address, error: zmq.ZMQError) -> AddressError:
    if error.errno == zmq.EADDRINUSE:
        return AddressInUseError(broker=broker, address=str(address))
    reason = f"{error.strerror}. A client binds an address of its own machine, or 0.0.0.0 for all"
    return AddressError(broker=broker, address=str(address), reason=reason)
