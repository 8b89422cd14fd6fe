"""The health document, addresses and the little HTTP that it takes; no processes."""

import asyncio
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from taskiq_cli.errors import HealthAddressError, NoHealthError
from taskiq_cli.health.address import Address
from taskiq_cli.health.client import ask_health
from taskiq_cli.health.document import SILENCE, document, worker_entry
from taskiq_cli.health.http import LONGEST_REQUEST
from taskiq_cli.health.notes import read_note, write_note
from taskiq_cli.health.server import MOST, HealthServer
from taskiq_cli.worker.health_notes import HealthNotes
from taskiq_core.worker_report import WorkerReport, WorkerState

MANUAL = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
RUNNING = {"state": "running", "workers": []}


def note(state: str, *, at: float = 100.0, **more: Any) -> dict[str, Any]:
    return {
        "name": "worker-0",
        "state": state,
        "reason": None,
        "pid": 7,
        "written_at": at,
        "slots_total": 10,
        "slots_free": 8,
        "running_tasks": 2,
        "last_message_at": None,
        **more,
    }


def entry(written: dict[str, Any] | None, *, now: float = 101.0, alive: bool = True) -> Any:
    return worker_entry("worker-0", written, now=now, is_alive=lambda _pid: alive)


def whole(*workers: dict[str, Any]) -> dict[str, Any]:
    return document(list(workers), broker="app:broker", pid=1, started_at="2026-01-01")


# -- the document ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["starting", "running", "degraded", "draining"])
def test_worker_that_lives_is_as_it_says(state: str) -> None:
    found = entry(note(state))

    assert found["state"] == state
    assert "written_at" not in found


def test_worker_that_has_written_nothing_is_starting() -> None:
    assert entry(None)["state"] == "starting"


@pytest.mark.parametrize("state", ["running", "degraded", "draining"])
def test_worker_that_is_silent_is_unresponsive(state: str) -> None:
    found = entry(note(state), now=100 + SILENCE + 2)

    assert found["state"] == "unresponsive"
    assert "no sign of life for 7 s" in found["reason"]


def test_worker_that_imports_for_long_is_starting() -> None:
    assert entry(note("starting"), now=1000)["state"] == "starting"


@pytest.mark.parametrize(
    ("state", "found"), [("starting", "down"), ("running", "down"), ("draining", "stopped")]
)
def test_worker_that_has_ended(state: str, found: str) -> None:
    assert entry(note(state), alive=False)["state"] == found


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["running", "running"], "running"),
        (["running", "starting"], "running"),
        (["running", "draining"], "running"),
        (["running", "stopped"], "running"),
        (["running", "degraded"], "degraded"),
        (["running", "unresponsive"], "degraded"),
        (["running", "down"], "degraded"),
        (["draining", "stopped"], "draining"),
        (["stopped", "stopped"], "draining"),
        (["stopped", "starting"], "starting"),
        (["starting", "starting"], "starting"),
    ],
)
def test_state_of_all_workers(states: list[str], state: str) -> None:
    workers = [{"name": "w", "state": each, "reason": "why"} for each in states]

    assert whole(*workers)["state"] == state


def test_sums_and_reasons() -> None:
    """Slots of a worker that does not answer are no slots."""
    found = whole(
        note("running", last_message_at="2026-01-02T00:00:00.000+00:00"),
        note("degraded", reason="OSError: no route", last_message_at="2026-01-03T00:00:00.000"),
        entry(note("running"), alive=False),
    )

    assert found["slots"] == {"total": 20, "free": 16}
    assert found["running_tasks"] == 4
    assert found["last_message_at"] == "2026-01-03T00:00:00.000"
    assert found["reason"] == (
        "worker-0 is degraded: OSError: no route; "
        "worker-0 is down: it has ended, and is started again"
    )


def test_slots_without_a_limit() -> None:
    found = whole(note("running", slots_total=None, slots_free=None))

    assert found["slots"] == {"total": None, "free": None}


def test_manual_has_every_key_and_state() -> None:
    [keys, states] = re.findall(r"\| (?:key|state) \|.*?\n\n", MANUAL, re.DOTALL)
    states_there_are = {*WorkerState, "unresponsive", "down", "stopped"}

    assert re.findall(r"^\| `(\w+)` \|", keys, re.MULTILINE) == list(whole())
    assert set(re.findall(r"^\| `(\w+)` \|", states, re.MULTILINE)) == states_there_are
    for key in worker_entry("worker-0", note("running"), now=101):
        assert f"`{key}`" in keys


# -- notes ----------------------------------------------------------------------------------------


def test_notes_are_replaced(tmp_path: Path) -> None:
    assert read_note(str(tmp_path), "worker-0") is None

    write_note(str(tmp_path), "worker-0", {"n": 1})
    write_note(str(tmp_path), "worker-0", {"n": 2})

    assert read_note(str(tmp_path), "worker-0") == {"n": 2}
    assert len(list(tmp_path.iterdir())) == 1


class Reporter:
    """As much of a receiver as notes need."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def report(self) -> WorkerReport:
        return WorkerReport(WorkerState.DEGRADED, self._reason, "SomeBroker", 3, 1, 2, None)


async def test_reasons_tell_no_passwords_and_are_short(tmp_path: Path) -> None:
    """Anybody who reaches the address may read them."""
    reporter: Any = Reporter(f"OSError: redis://me:hunter2@host:6379 is away {'.' * 1000}")
    telling = asyncio.create_task(
        HealthNotes(str(tmp_path), "worker-0").keep(reporter, asyncio.Event())
    )
    await asyncio.sleep(0)
    telling.cancel()

    found = read_note(str(tmp_path), "worker-0")

    assert found is not None
    assert found["reason"].startswith("OSError: redis://***@host:6379 is away ...")
    assert len(found["reason"]) == 500
    assert (found["slots_total"], found["slots_free"], found["running_tasks"]) == (3, 1, 2)


async def test_notes_that_cannot_be_written_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notes = HealthNotes(str(tmp_path / "not there"), "worker-0")

    notes.tell_start()
    notes.tell_start()

    assert caplog.text.count("Health can't be told") == 1


# -- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["127.0.0.1:8080", "localhost:0", "[::1]:80", "unix:/run/x.sock", "unix:x.sock"]
)
def test_addresses(text: str) -> None:
    assert str(Address(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "8080", ":8080", "host", "host:", "host:x", "host:65536", "::1:80", "unix:", "h:\u0661"],
)
def test_texts_that_are_no_address(text: str) -> None:
    with pytest.raises(HealthAddressError, match=r"HOST:PORT, such as 127\.0\.0\.1:8080, or unix:"):
        Address(text)


def test_unix_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    address = Address(f"unix:{tmp_path}/x.sock")
    address.listen().close()

    with address.listen(), address.connect(1):
        pass


def test_file_is_not_taken_for_a_socket(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("precious")

    with pytest.raises(OSError, match="in use"):
        Address(f"unix:{tmp_path}/x").listen()

    assert (tmp_path / "x").read_text() == "precious"


# -- the server -----------------------------------------------------------------------------------


@contextmanager
def served(answer: dict[str, Any]) -> Iterator[Address]:
    listening = Address("127.0.0.1:0").listen()
    server = HealthServer(listening, lambda: answer)
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


def test_clients_that_say_nothing_do_not_keep_others_waiting() -> None:
    with served(RUNNING) as address:
        # A place is free again a moment after its client has the answer.
        idle = [address.connect(10) for _ in range(MOST - 3)]
        answers = [ask_health(address, 10) for _ in range(3)]
        for connection in idle:
            connection.close()

    assert answers == [RUNNING] * 3


def test_more_clients_than_there_are_places_are_turned_away() -> None:
    with served(RUNNING) as address:
        idle = [address.connect(10) for _ in range(MOST)]
        with address.connect(10) as one_more:
            try:
                answer = one_more.recv(1)
            except ConnectionResetError:
                answer = b""
        for connection in idle:
            connection.close()

    assert answer == b""


# -- the client -----------------------------------------------------------------------------------


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
