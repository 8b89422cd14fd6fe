"""CURVE: keys for both ends, and which keys may connect."""

from dataclasses import dataclass, field
from typing import Final, Self

import zmq
from zmq.utils import z85

from taskiq_zmq.transport.loop_socket import LoopSocket

_KEY_SIZE: Final = 40
_ZAP_ADDRESS: Final = "inproc://zeromq.zap.01"
_ZAP_PARTS: Final = 7
_DOMAIN: Final = b"taskiq"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveKeys:
    """The keys of an encrypted connection, each 40 characters as `zmq.curve_keypair()` makes them.

    Give each machine the keys that it needs: a client `server_secret` (and `allowed_workers`), a
    worker `server_public` and a pair of its own. A program that is both takes one object with all.

    Attributes:
        server_public: public key of the client.
        server_secret: secret key of the client.
        worker_public: public key of the worker.
        worker_secret: secret key of the worker.
        allowed_workers: public keys of the workers that may connect; None admits every worker that
            has `server_public`.
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
        """Make keys for one client, and for the one worker that may connect to it."""
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
        """Accept only encrypted connections; to be called before the socket is bound."""
        if self.server_secret is None:
            raise ValueError("a client needs CurveKeys(server_secret=...)")
        socket.curve_server = True
        socket.curve_secretkey = self.server_secret
        if self.allowed_workers is not None:
            socket.zap_domain = _DOMAIN

    def secure_worker(self, socket: "zmq.Socket[bytes]") -> None:
        """Encrypt connections; to be called before the socket is connected."""
        if not (self.server_public and self.worker_public and self.worker_secret):
            raise ValueError(
                "a worker needs CurveKeys(server_public=..., worker_public=..., worker_secret=...)"
            )
        socket.curve_serverkey = self.server_public
        socket.curve_publickey = self.worker_public
        socket.curve_secretkey = self.worker_secret


class ZapAuthenticator:
    """Answers libzmq, for each new connection, whether its key may connect.

    Must exist before the server's socket is bound. Source: ZeroMQ RFC 27, ZAP.
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
        """Stop answering: no further connection is accepted."""
        self._socket.close()

    def _answer(self, request: list[bytes]) -> None:
        if len(request) < _ZAP_PARTS:
            # Not a request of libzmq's; a REP socket must answer before it can receive again.
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
