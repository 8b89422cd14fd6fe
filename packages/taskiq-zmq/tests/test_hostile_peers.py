"""A peer without keys can cost a client only a bounded amount of time, log and memory."""

import asyncio
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import zmq
import zmq.asyncio

from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.worker_report import WorkerState
from taskiq_testservers.zmq_workers import QUICK, MakeClient, MakeWorker, connected, on_loopback
from taskiq_zmq import CurveKeys, ZeroMQBroker
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.frames import encode, encode_batch

MEGABYTE = 1 << 20


async def double(value: int) -> int:
    return 2 * value


def resident() -> int:
    """Bytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class RawPeer:
    """A TCP connection that speaks ZMTP 3.0 without libzmq, and reads only if it is asked to."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.socket = socket.create_connection((parts.hostname, parts.port))
        self.socket.setblocking(False)
        self._loop = asyncio.get_running_loop()

    async def shake_hands(self) -> None:
        greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
        await self.write(greeting)
        await self.read(64)
        ready = b"\x05READY\x0bSocket-Type" + struct.pack("!I", 6) + b"DEALER"
        await self.write(b"\x04" + bytes([len(ready)]) + ready)
        flags, size = await self.read(2)
        assert flags == 4
        await self.read(size)

    async def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = await self._loop.sock_recv(self.socket, size - len(data))
            assert more
            data += more
        return data

    async def write(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.socket, data)

    async def send(self, frame: bytes, *, more: bool = False) -> None:
        await self.write(struct.pack("!BQ", 2 + more, len(frame)) + frame)

    async def say(self, *said: records.Record) -> None:
        await self.send(encode_batch(1, [encode(record) for record in said]))

    async def closed(self) -> None:
        """Read until the client has ended the connection."""
        try:
            while await self._loop.sock_recv(self.socket, MEGABYTE):
                pass
        except ConnectionError:
            pass


@pytest.fixture
async def peer(client: ZeroMQBroker) -> AsyncIterator[RawPeer]:
    peer = RawPeer(client.bound_address)
    await peer.shake_hands()
    yield peer
    peer.socket.close()


async def works(client: ZeroMQBroker, make_worker: MakeWorker) -> None:
    task = client.register_task(double, "double")
    make_worker(client)
    assert (await (await task.kiq(2)).wait_result(timeout=20)).return_value == 4


async def test_a_second_hello_ends_the_connection(
    client: ZeroMQBroker,
    peer: RawPeer,
    make_worker: MakeWorker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each of them cost two log lines and a new worker."""
    caplog.set_level("INFO")
    hello = encode(records.Hello(""))
    try:
        for _ in range(50):
            await peer.send(encode_batch(1, [hello] * 4_000))
    except ConnectionError:
        pass

    await asyncio.wait_for(peer.closed(), 20)
    await connected(client, 0)
    assert "it sent a second HELLO" in caplog.text
    assert len(caplog.records) < 20
    await works(client, make_worker)


async def test_a_peer_of_an_old_protocol_version_is_ignored(
    client: ZeroMQBroker, make_worker: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """libzmq does not tell the connection of ZMTP 1.0, so it can't be ended."""
    peer = RawPeer(client.bound_address)
    await peer.write(b"\x01\x00")  # an identity of no bytes: unlike all later versions
    for _ in range(100):
        await peer.write(b"\x06\x00hello")
    while "not a batch" not in caplog.text:  # noqa: ASYNC110  # a log has no event
        await asyncio.sleep(0.005)

    await works(client, make_worker)
    assert caplog.text.count("not a batch") == 1
    assert "Exception" not in caplog.text
    peer.socket.close()


async def test_a_long_name_is_refused_and_not_logged(
    client: ZeroMQBroker, peer: RawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    size = 15 * MEGABYTE
    await peer.send(encode_batch(1, [struct.pack("!BI", 1, size), bytes(size)]))

    await asyncio.wait_for(peer.closed(), 20)
    assert await client.worker_count() == 0
    assert len(caplog.text) < 2_000


async def test_a_worker_of_another_protocol_version_is_refused_by_name(
    client: ZeroMQBroker, peer: RawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    """What taskiq-zmq said before queues had names is not guessed at."""
    await peer.send(struct.pack("!BIBI", 1, 1, 1, 6) + b"worker")

    await asyncio.wait_for(peer.closed(), 20)
    assert "version 1 of the protocol, this side speaks 2" in caplog.text
    assert await client.worker_count() == 0


async def test_a_worker_that_says_nonsense_of_itself_is_not_listed(
    client: ZeroMQBroker, peer: RawPeer, make_worker: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    nonsense = [records.Announce(10, b"[" * 200_000), records.Announce(10, b"{}")]
    await peer.say(records.Hello("liar"), *nonsense)
    while "can't be read" not in caplog.text:  # noqa: ASYNC110  # a log has no event
        await asyncio.sleep(0.005)

    assert await client.workers() == []
    await works(client, make_worker)


async def test_a_peer_has_one_record(client: ZeroMQBroker, peer: RawPeer) -> None:
    """However many names it thinks of, its last one is listed."""
    now = datetime.now(UTC)
    said = [records.Hello("many")]
    for number in range(1_000):
        record = WorkerRecord(
            worker_id=str(number),
            host="h",
            pid=1,
            state=WorkerState.RUNNING,
            started_at=now,
            seen_at=now,
        )
        said.append(records.Announce(1_000, record.model_dump_json().encode()))
    await peer.say(*said)

    while [each.worker_id for each in await client.workers()] != ["999"]:  # noqa: ASYNC110  # no event for that
        await asyncio.sleep(0.005)


async def test_workers_that_come_and_go_are_logged_at_a_bounded_rate(
    client: ZeroMQBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for number in range(150):
        peer = RawPeer(client.bound_address)
        await peer.shake_hands()
        await peer.say(records.Hello(f"{number} " + "n" * 1_000), records.Goodbye())
        peer.socket.close()
    while not any("is gone" in message for message in caplog.messages):  # noqa: ASYNC110  # a log has no event
        await asyncio.sleep(0.005)
    await connected(client, 0)

    assert len(caplog.messages) < 120
    assert all(len(message) < 500 for message in caplog.messages)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the bytes of a connection")
async def test_a_message_without_an_end_ends_the_connection(
    make_client: MakeClient, make_worker: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """libzmq keeps all frames of a message until its last one has come."""
    client = await make_client(max_message_size=2 * MEGABYTE)
    peer = RawPeer(client.bound_address)
    await peer.shake_hands()
    frame = bytes(MEGABYTE)
    sent = 0
    try:
        for _ in range(1_000):
            await peer.send(frame, more=True)
            sent += len(frame)
            await asyncio.sleep(0.01)  # a network's speed: the client looks every 0.1 s
    except ConnectionError:
        pass

    assert sent < 200 * MEGABYTE
    assert "its message is larger than max_message_size allows" in caplog.text
    peer.socket.close()
    await works(client, make_worker)


async def test_a_large_message_in_small_pieces_is_read(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit is one of unfinished messages, not of connections."""
    client = await make_client(max_message_size=MEGABYTE)
    peer = RawPeer(client.bound_address)
    await peer.shake_hands()
    await peer.say(records.Hello("slow"))
    for number in range(8):
        batch = encode_batch(
            1, [encode(records.Submit(number, 0, f"{number}", "n", bytes(MEGABYTE)))]
        )
        await peer.write(struct.pack("!BQ", 2, len(batch)))
        for at in range(0, len(batch), 100_000):
            await peer.write(batch[at : at + 100_000])
            await asyncio.sleep(0.005)

    while (await client.stats()).waiting < 8:  # noqa: ASYNC110  # counts have no event
        await asyncio.sleep(0.005)

    assert await client.worker_count() == 1
    assert "Disconnected" not in caplog.text
    peer.socket.close()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
async def test_a_result_that_is_watched_often_is_held_once(
    client: ZeroMQBroker, peer: RawPeer
) -> None:
    size = MEGABYTE
    client.result_backend.store.put("large", bytes(size))  # type: ignore[attr-defined]  # ours
    await peer.say(records.Hello("w"))
    before = resident()

    await peer.say(*[records.Watch("large")] * 1_000)
    await peer.say(records.Submit(1, 0, "after", "n", b""))
    while not (await client.stats()).waiting:  # noqa: ASYNC110  # counts have no event
        await asyncio.sleep(0.005)
    for _ in range(20):  # turns in which the client sends as much as it can
        await asyncio.sleep(0.02)

    assert resident() - before < 150 * size


async def test_a_peer_that_does_not_read_is_disconnected(
    client: ZeroMQBroker,
    peer: RawPeer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("taskiq_zmq.client.router.MAX_OUTBOX", 4 * MEGABYTE)
    await peer.say(records.Hello("deaf"))
    questions = [records.Watch(f"{number}" + "x" * 1_000) for number in range(1_000)]
    try:
        for _ in range(200):
            await peer.say(*questions)
    except ConnectionError:
        pass

    await connected(client, 0)
    assert "does not read" in caplog.text


async def test_watches_of_one_peer_are_bounded_in_bytes(
    client: ZeroMQBroker, peer: RawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    await peer.say(records.Hello("curious"))
    for number in range(300):
        await peer.say(records.Watch(f"{number:03}" + "x" * 65_000))
    await peer.say(records.Submit(1, 0, "after", "n", b""))

    reading = asyncio.create_task(peer.closed())
    while not (await client.stats()).waiting:  # noqa: ASYNC110  # counts have no event
        await asyncio.sleep(0.005)
    reading.cancel()

    assert "watches too many results" in caplog.text


@pytest.mark.parametrize("task_id", ["i" * 65_536, "é" * 32_768])
async def test_an_id_that_can_not_travel_is_refused(
    client: ZeroMQBroker, make_worker: MakeWorker, task_id: str
) -> None:
    """It was queued, and then nothing could be sent any more."""
    task = client.register_task(double, "double")
    make_worker(client)

    with pytest.raises(SendTaskError, match=r"its (task )?id has 65536 (bytes|characters), 65535"):
        await task.kicker().with_task_id(task_id).kiq(1)

    assert (await (await task.kiq(2)).wait_result(timeout=20)).return_value == 4


async def test_the_longest_id_travels(client: ZeroMQBroker, make_worker: MakeWorker) -> None:
    task = client.register_task(double, "double")
    make_worker(client)

    sent = await task.kicker().with_task_id("é" * 32_767).kiq(2)

    assert (await sent.wait_result(timeout=20)).return_value == 4


class Impostor:
    """A socket of another program, at a client's address."""

    def __init__(self, kind: int) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(kind)
        self.socket.linger = 0
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_ACCEPTED)
        self.monitor.linger = 0

    def bind(self, address: str) -> str:
        self.socket.bind(address)
        return self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    async def visited(self) -> None:
        """Wait for another connection."""
        while not self.monitor.poll(0):  # noqa: ASYNC110  # a socket outside the loop
            await asyncio.sleep(0.005)
        self.monitor.recv_multipart()

    def close(self) -> None:
        self.socket.disable_monitor()
        self.monitor.close()
        self.socket.close()
        self.context.term()


@pytest.mark.parametrize("kind", [zmq.PUB, zmq.PULL, zmq.REP, zmq.ROUTER])
async def test_a_worker_finds_its_client_after_a_stranger_had_the_address(
    make_client: MakeClient, make_worker: MakeWorker, kind: int
) -> None:
    first = await make_client(heartbeats=QUICK)
    address = first.bound_address
    first.register_task(double, "double")
    make_worker(first, heartbeats=QUICK)
    await connected(first, 1)
    await first.shutdown()
    impostor = Impostor(kind)
    impostor.bind(address)
    await asyncio.wait_for(impostor.visited(), 20)
    await asyncio.wait_for(impostor.visited(), 20)  # and again: the worker does not give up
    impostor.close()

    client = await make_client(address, heartbeats=QUICK)

    sent = await client.register_task(double, "double").kiq(2)
    assert (await sent.wait_result(timeout=20)).return_value == 4


async def test_a_worker_is_not_deaf_after_a_stranger_without_zeromq(
    make_client: MakeClient, make_worker: MakeWorker
) -> None:
    visits = asyncio.Queue[None]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.put_nowait(None)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    worker = on_loopback(zmq_sub_host=address, heartbeats=QUICK)
    worker.is_worker_process = True
    await worker.startup()
    await asyncio.wait_for(visits.get(), 20)
    await asyncio.wait_for(visits.get(), 20)
    server.close()
    await server.wait_closed()

    client = await make_client(address, heartbeats=QUICK)

    await asyncio.wait_for(connected(client, 1), 20)
    await worker.shutdown()


async def test_with_keys_no_stranger_is_heard(
    make_client: MakeClient, make_worker: MakeWorker
) -> None:
    keys = CurveKeys.generate()
    stranger = Impostor(zmq.ROUTER)
    CurveKeys.generate().secure_server(stranger.socket)
    address = stranger.bind("tcp://127.0.0.1:*")
    worker = on_loopback(zmq_sub_host=address, heartbeats=QUICK, curve=keys)
    worker.is_worker_process = True
    await worker.startup()
    await asyncio.wait_for(stranger.visited(), 20)
    await asyncio.wait_for(stranger.visited(), 20)
    assert not stranger.socket.poll(0)
    stranger.close()

    client = await make_client(address, heartbeats=QUICK, curve=keys)

    await asyncio.wait_for(connected(client, 1), 20)
    await worker.shutdown()


async def test_a_refused_worker_gets_in_when_there_is_a_place(
    make_client: MakeClient, make_worker: MakeWorker
) -> None:
    client = await make_client(max_workers=1)
    task = client.register_task(double, "double")
    first = make_worker(client, heartbeats=QUICK)
    await connected(client, 1)
    make_worker(client, heartbeats=QUICK)

    await first.stop()

    sent = await task.kiq(2)
    assert (await sent.wait_result(timeout=20)).return_value == 4
