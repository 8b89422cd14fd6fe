"""The health server, and the little HTTP that it takes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from taskiq_cli.health.address import Address
from taskiq_cli.health.client import ask_health
from taskiq_cli.health.http import LONGEST_REQUEST
from taskiq_cli.health.server import MOST, HealthServer

RUNNING = {"state": "running", "workers": []}


@contextmanager
def served(answer: dict[str, Any], *, patience: float = 10) -> Iterator[Address]:
    listening = Address("127.0.0.1:0").listen()
    server = HealthServer(listening, lambda: answer, patience=patience)
    threading.Thread(target=server.run, daemon=True).start()
    yield Address(f"127.0.0.1:{listening.getsockname()[1]}")


def exchange(address: Address, request: bytes) -> bytes:
    with address.connect(10) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    return answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"200 OK"),
        (b"GET /?probe=1 HTTP/1.0\r\n\r\n", b"200 OK"),
        (b"GET /other HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"POST / HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"),
        (b"\x00\xff\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/2.0\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * (LONGEST_REQUEST - 19), b"400 Bad Request"),
    ],
)
def test_statuses(request_: bytes, status: bytes) -> None:
    with served(RUNNING) as address:
        answer = exchange(address, request_)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert f"Content-Length: {len(body)}".encode() in head
    assert isinstance(json.loads(body), dict)


@pytest.mark.parametrize("state", ["starting", "degraded", "draining"])
def test_status_of_workers_that_do_not_run(state: str) -> None:
    with served({"state": state, "workers": []}) as address:
        answer = exchange(address, b"GET / HTTP/1.1\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable")


def test_head_has_no_body() -> None:
    with served(RUNNING) as address:
        answer = exchange(address, b"HEAD / HTTP/1.1\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\n")


def test_idle_clients_do_not_keep_others_waiting() -> None:
    """More of them than may be open at once: the oldest make way."""
    with served(RUNNING) as address:
        idle = [address.connect(10) for _ in range(MOST + 3)]
        answers = [ask_health(address, 10) for _ in range(3)]
        first = idle[0].recv(1)
        for connection in idle:
            connection.close()

    assert answers == [RUNNING] * 3
    assert first == b""


def test_idle_client_is_closed_when_its_time_is_up() -> None:
    with served(RUNNING, patience=0.05) as address, address.connect(10) as idle:
        idle.sendall(b"GET / HT")

        assert idle.recv(1) == b""
        assert ask_health(address, 10) == RUNNING


def test_request_may_come_in_pieces() -> None:
    with served(RUNNING) as address, address.connect(10) as slow:
        for piece in (b"GET / HT", b"TP/1.1\r\nHost:", b" x\r\n\r"):
            slow.sendall(piece)
            assert ask_health(address, 10) == RUNNING  # others are answered meanwhile
        slow.sendall(b"\n")

        assert slow.recv(12) == b"HTTP/1.1 200"


def test_answer_that_is_larger_than_a_socket_takes_is_sent_in_pieces() -> None:
    document = {**RUNNING, "reason": "x" * 5_000_000}
    with served(document) as address:
        answer = exchange(address, b"GET / HTTP/1.1\r\n\r\n")

    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == document
