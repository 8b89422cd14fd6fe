"""Asking a health server, and what else may answer."""

import socket
import threading
from contextlib import closing

import pytest

from taskiq_cli.errors import NoHealthError
from taskiq_cli.health.address import Address
from taskiq_cli.health.client import ask_health


def test_nobody_answers() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(NoHealthError, match=f"127.0.0.1:{port}: nobody answers, .*refused"):
        ask_health(Address(f"127.0.0.1:{port}"), 10)


def test_somebody_listens_and_says_nothing() -> None:
    """As the kernel does for a process that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = Address(f"127.0.0.1:{listening.getsockname()[1]}")

        with pytest.raises(NoHealthError, match=r"no answer within 0\.05 s"):
            ask_health(address, 0.05)


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n\r\nhello", b"HTTP/1.1 200 OK\r\n\r\n[]", b""]
)
def test_somebody_else_answers(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = Address(f"127.0.0.1:{listening.getsockname()[1]}")

        def other() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        threading.Thread(target=other, daemon=True).start()
        with pytest.raises(NoHealthError, match="what answers there is no `taskiq worker --health"):
            ask_health(address, 10)
