"""Strangers, and authenticated peers, who send hostile frames to a ZeroMQ client and its worker."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
import zmq
import zmq.asyncio

from taskiq_core import AsyncTaskiqDecoratedTask
from taskiq_core.receiver import Receiver
from taskiq_testservers.hostile.formats import MESSAGE, frame_samples
from taskiq_testservers.hostile.mutations import Mutator
from taskiq_testservers.hostile.scale import MEGABYTE, Scale, count
from taskiq_testservers.worker_main import listening
from taskiq_zmq import CurveKeys, ZeroMQBroker
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.frames import encode, encode_batch

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


async def double(value: int) -> int:
    return 2 * value


@pytest.fixture(params=["without keys", "with keys"])
def keys(request: pytest.FixtureRequest) -> CurveKeys | None:
    return CurveKeys.generate() if request.param == "with keys" else None


@pytest.fixture
async def client(keys: CurveKeys | None) -> AsyncIterator[ZeroMQBroker]:
    address = "tcp://127.0.0.1:0"
    async with ZeroMQBroker(address, curve=keys, linger=0.0, max_message_size=MEGABYTE) as client:
        yield client


@pytest.fixture
async def task(
    client: ZeroMQBroker, keys: CurveKeys | None
) -> AsyncIterator[AsyncTaskiqDecoratedTask[[int], Any]]:
    """A task with a worker that runs it."""
    worker = ZeroMQBroker(zmq_sub_host=client.bound_address, curve=keys, max_message_size=MEGABYTE)
    worker.is_worker_process = True
    worker.register_task(double, "double")
    async with listening(Receiver(worker, max_async_tasks=5)):
        yield client.register_task(double, "double")
    await worker.shutdown()


async def works(task: AsyncTaskiqDecoratedTask[[int], Any], number: int) -> None:
    result = await (await task.kiq(number)).wait_result(timeout=40)
    assert result.return_value == 2 * number


def hostile_frames(scale: Scale) -> Callable[[], bytes]:
    """Makes mutated batches, and whole ones with hostile bodies."""
    rng = Random(f"{scale.seed} peers")
    mutator = Mutator(rng, largest=MEGABYTE)
    samples = frame_samples()

    def make() -> bytes:
        if rng.random() < 0.2:
            body = mutator.of_document(MESSAGE)[1][:MEGABYTE]
            hello, submit = records.Hello("peer"), records.Submit(1, 0.0, "id", "double", body)
            result = records.Result(rng.randrange(9), "id", body)
            return encode_batch(1, [encode(hello), encode(submit), encode(result)])
        return mutator.of_bytes(rng.choice(samples))[1]

    return make


@pytest.mark.timeout(600)
async def test_peers_that_send_hostile_frames_harm_nobody(
    client: ZeroMQBroker,
    keys: CurveKeys | None,
    task: AsyncTaskiqDecoratedTask[[int], Any],
    scale: Scale,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the server's key in its hands, such a peer is an authenticated one."""
    make = hostile_frames(scale)
    context = zmq.asyncio.Context()
    peer = None
    for number in range(scale.cases):
        if peer is None or number % 20 == 0:  # one that broke the protocol is disconnected
            if peer is not None:
                peer.close(0)
            peer = context.socket(zmq.DEALER)
            if keys is not None:
                keys.secure_worker(peer)
            peer.connect(client.bound_address)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(peer.send(make()), 0.5)
        if number % (scale.cases // 10) == 0:
            await works(task, number)
    assert peer is not None
    peer.close(0)
    context.term()
    await works(task, 7)

    assert "Traceback" not in caplog.text
    assert len(caplog.text) < 200_000 + 20 * scale.cases
    how = "authenticated peers" if keys else "peers without keys"
    count(f"ZeroMQ batches of {how}", scale.cases, log=len(caplog.text))


@pytest.mark.timeout(600)
async def test_strangers_on_the_port_harm_nobody(
    client: ZeroMQBroker,
    task: AsyncTaskiqDecoratedTask[[int], Any],
    scale: Scale,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Connections that do not speak ZeroMQ, or only half of it."""
    rng = Random(f"{scale.seed} strangers")
    mutator = Mutator(rng, largest=MEGABYTE)
    address = urlsplit(client.bound_address)
    connections = scale.cases // 10
    for number in range(connections):
        data = mutator.of_bytes(
            GREETING + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
        )
        with contextlib.suppress(OSError), socket.socket() as stranger:
            stranger.settimeout(0.2)
            stranger.connect((address.hostname, address.port))
            stranger.sendall(data[1])
            if rng.random() < 0.05:
                stranger.recv(64)
        if number % (connections // 4) == 0:
            await works(task, number)
        await asyncio.sleep(0)
    await works(task, 7)

    assert "Traceback" not in caplog.text
    assert len(caplog.text) < 200_000 + 20 * connections
    count("strangers on a ZeroMQ port", connections, log=len(caplog.text))
