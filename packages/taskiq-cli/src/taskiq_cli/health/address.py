"""Where health is asked for: `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/app/health.sock`."""

from __future__ import annotations

import socket
from pathlib import Path

_MAX_PORT = 65_535


class Address:
    """A host and a port, or the path of a Unix socket.

    Args:
        text: as in "127.0.0.1:8080", "[::1]:8080" or "unix:/run/app/health.sock".

    Raises:
        HealthAddressError: it is of another form.
    """

    def __init__(self, text: str) -> None:
        self.path = text.removeprefix("unix:") if text.startswith("unix:") else None
        self.host, self.port = "", 0
        if self.path is None:
            self.host, self.port = _host_and_port(text)
        elif not self.path:
            raise _no_address(text)

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def connect(self, seconds: float) -> socket.socket:
        """A connection to it; raises OSError.

        Args:
            seconds: that connecting, and then each step of talking, may take.
        """
        if self.path is None:
            return socket.create_connection((self.host, self.port), seconds)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(seconds)
        try:
            connection.connect(self.path)
        except OSError:
            connection.close()
            raise
        return connection

    def listen(self) -> socket.socket:
        """A socket that listens there; raises OSError.

        A Unix socket that is there already is replaced: it is of a process that is gone, as no two
        may have the same.
        """
        if self.path is None:
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            return socket.create_server((self.host, self.port), family=family)
        _remove_socket(Path(self.path))
        listening = socket.socket(socket.AF_UNIX)
        try:
            listening.bind(self.path)
            listening.listen()
        except OSError:
            listening.close()
            raise
        return listening


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise _no_address(text)
    is_port = port.isdecimal() and port.isascii() and int(port) <= _MAX_PORT
    if not (colon and host and is_port):
        raise _no_address(text)
    return host, int(port)


def _no_address(text: str) -> Exception:
    from taskiq_cli.errors import HealthAddressError  # not for the process that answers probes

    return HealthAddressError(address=text)


def _remove_socket(path: Path) -> None:
    if path.is_socket():
        path.unlink(missing_ok=True)
