"""CURVE: who may connect, and keys for both ends."""

from dataclasses import dataclass, field
from typing import Final, Self

import zmq
from zmq.utils import z85

from taskiq_zmq.loop_socket import LoopSocket

_KEY_SIZE: Final = 40
_ZAP_ADDRESS: Final = "inproc://zeromq.zap.01"
_ZAP_PARTS: Final = 7
_DOMAIN: Final = b"taskiq"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveKeys:
    """The keys of an encrypted connection, each 40 characters as `zmq.curve_keypair()` makes them.

    Give each machine what it needs: a client `server_secret` (and `allowed_workers`), a worker
    `server_public` and a pair of its own. One object with all of them will do where one program is
    both.

    Attributes:
        server_public: the public key of the client, whom workers connect to.
        server_secret: its secret key.
        worker_public: a worker's public key.
        worker_secret: its secret key.
        allowed_workers: public keys of the workers that may connect; None for all who know
            `server_public`.
    """

    server_public: bytes | None = None
    server_secret: bytes | None = field(default=None, repr=False)
    worker_public: bytes | None = None
    worker_secret: bytes | None = field(default=None, repr=False)
    allowed_workers: frozenset[bytes] | None = None

    def __post_init__(self) -> None:
        for name in ("server_public", "server_secret", "worker_public", "worker_secret"):
            key = getattr(self, name)
            if key is not None:
                _check_key(name, key)
        for key in self.allowed_workers or ():
            _check_key("allowed_workers", key)

    @classmethod
    def generate(cls) -> Self:
        """New keys for one client and one worker that alone may connect."""
        server_public, server_secret = zmq.curve_keypair()
        worker_public, worker_secret = zmq.curve_keypair()
        return cls(
            server_public=server_public,
            server_secret=server_secret,
            worker_public=worker_public,
            worker_secret=worker_secret,
            allowed_workers=frozenset({worker_public}),
        )

    def secure_server(self, socket: "zmq.Socket[bytes]") -> None:
        """Let only encrypted connections in; before the socket is bound."""
        if self.server_secret is None:
            raise ValueError("a client needs CurveKeys(server_secret=...)")
        socket.curve_server = True
        socket.curve_secretkey = self.server_secret
        if self.allowed_workers is not None:
            socket.zap_domain = _DOMAIN

    def secure_worker(self, socket: "zmq.Socket[bytes]") -> None:
        """Connect encrypted; before the socket is connected."""
        if not (self.server_public and self.worker_public and self.worker_secret):
            raise ValueError(
                "a worker needs CurveKeys(server_public=..., worker_public=..., worker_secret=...)"
            )
        socket.curve_serverkey = self.server_public
        socket.curve_publickey = self.worker_public
        socket.curve_secretkey = self.worker_secret


class Doorkeeper:
    """Answers libzmq's question, for each connection, whether a key may come in.

    Must be there before the server's socket is bound. Source: ZeroMQ RFC 27, ZAP.
    """

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", allowed: frozenset[bytes]
    ) -> None:
        self._allowed = frozenset(z85.decode(key) for key in allowed)
        socket = context.socket(zmq.REP)
        socket.linger = 0
        socket.bind(_ZAP_ADDRESS)
        self._socket = LoopSocket(socket, self._answer)

    def close(self) -> None:
        """Answer no more: nobody comes in."""
        self._socket.close()

    def _answer(self, request: list[bytes]) -> None:
        if len(request) < _ZAP_PARTS:
            # No request of libzmq's; a REP socket must answer before it can be asked again.
            self._socket.send([b"1.0", b"", b"500", b"Malformed", b"", b""])
            return
        mechanism, key = request[5], request[6]
        allowed = mechanism == b"CURVE" and key in self._allowed
        verdict = (b"200", b"OK") if allowed else (b"400", b"Key not allowed")
        self._socket.send([b"1.0", request[1], *verdict, b"", b""])


def _check_key(name: str, key: object) -> None:
    if not isinstance(key, bytes) or len(key) != _KEY_SIZE:
        raise ValueError(
            f"CurveKeys: {name} must be bytes of {_KEY_SIZE} characters, as zmq.curve_keypair()"
        )
