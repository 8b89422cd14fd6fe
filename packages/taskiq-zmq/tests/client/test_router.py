"""The network is not to be trusted: strangers on the socket hurt nobody."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import zmq
import zmq.asyncio

from taskiq_core.exceptions import ResultGetError
from taskiq_testservers.zmq_workers import MakeClient, MakeWorker, connected
from taskiq_zmq import CurveKeys, ZeroMQBroker
from taskiq_zmq.client.connection_guard import LINES_OF_PEERS
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.frames import decode_batch, encode, encode_batch


async def double(value: int) -> int:
    return 2 * value


class Stranger:
    """A raw DEALER that says what it likes."""

    def __init__(self, context: zmq.asyncio.Context, address: str) -> None:
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(address)

    async def say(self, *said: records.Record) -> None:
        await self.socket.send(encode_batch(1, [encode(record) for record in said]))

    async def disconnected(self) -> None:
        monitor = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            await monitor.recv_multipart()
        finally:
            self.socket.disable_monitor()
            monitor.close(0)

    async def hear(self, kind: type[records.Record]) -> records.Record:
        while True:
            for record in decode_batch(await self.socket.recv())[1]:
                if isinstance(record, kind):
                    return record


@pytest.fixture
async def stranger(client: ZeroMQBroker) -> AsyncIterator[Stranger]:
    context = zmq.asyncio.Context()
    stranger = Stranger(context, client.bound_address)
    yield stranger
    stranger.socket.close()
    context.term()


async def logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    while text not in caplog.text:  # noqa: ASYNC110  # a log has no event
        await asyncio.sleep(0.005)


async def still_works(client: ZeroMQBroker, make_worker: MakeWorker) -> None:
    task = client.find_task("double") or client.register_task(double, "double")
    make_worker(client)
    sent = [await task.kiq(number) for number in range(10)]
    for number, each in enumerate(sent):
        assert (await each.wait_result(timeout=20)).return_value == 2 * number


async def test_random_bytes_on_the_port(
    client: ZeroMQBroker, make_worker: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    port = urlsplit(client.bound_address).port
    randomness = random.Random(1)
    for size in (1, 10, 64, 1_000, 100_000):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(randomness.randbytes(size))
        with contextlib.suppress(ConnectionError):  # thrown out half-way: what is wanted
            await writer.drain()
        writer.close()

    await still_works(client, make_worker)


async def test_a_connection_that_is_no_zeromq_is_logged(
    client: ZeroMQBroker, caplog: pytest.LogCaptureFixture
) -> None:
    port = urlsplit(client.bound_address).port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    # The signature of ZMTP, then a mechanism that does not exist.
    writer.write(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NOSUCH" + bytes(46))
    await writer.drain()

    await asyncio.wait_for(logged(caplog, "does not speak ZeroMQ"), 20)
    writer.close()


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([b"\x00" + bytes(20)], "it sent bytes that are not a batch: version 0"),
        ([bytes(5)] * 40, "it sent a message of several parts"),
    ],
)
async def test_nonsense_ends_the_connection_with_a_few_log_lines(
    client: ZeroMQBroker,
    stranger: Stranger,
    make_worker: MakeWorker,
    caplog: pytest.LogCaptureFixture,
    parts: list[bytes],
    reason: str,
) -> None:
    disconnected = asyncio.ensure_future(stranger.disconnected())
    await asyncio.sleep(0)
    for _ in range(500):
        await stranger.socket.send_multipart(parts)

    await asyncio.wait_for(disconnected, 20)
    await still_works(client, make_worker)
    assert reason in caplog.text
    assert caplog.text.count("Disconnected a peer") <= LINES_OF_PEERS


async def test_records_before_hello_are_dropped(
    client: ZeroMQBroker, stranger: Stranger, caplog: pytest.LogCaptureFixture
) -> None:
    await stranger.say(records.Submit(1, 0, "id", "name", b"body"), records.Grant(5))

    await asyncio.wait_for(logged(caplog, "Dropped a Submit of a peer"), 20)

    assert (await client.stats()).waiting == 0


async def test_a_worker_can_not_settle_what_it_does_not_hold(
    make_client: MakeClient,
    make_worker: MakeWorker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = await make_client()
    go, started = asyncio.Event(), asyncio.Event()

    async def hold() -> str:
        started.set()
        await go.wait()
        return "genuine"

    task = client.register_task(hold, "hold")
    make_worker(client)
    sent = await task.kiq()
    await asyncio.wait_for(started.wait(), 20)
    context = zmq.asyncio.Context()
    forger = Stranger(context, client.bound_address)
    await forger.say(records.Hello("forger"))
    await forger.hear(records.Welcome)

    forged = b'{"is_err":false,"return_value":"forged","execution_time":0}'
    for tag in range(10):
        await forger.say(
            records.Result(tag, sent.task_id, forged),
            records.Progress(tag, sent.task_id, b"{}"),
            records.Acks((tag,)),
            records.Release(tag, 0),
            records.Returns((tag,)),
            records.Bury(tag, "forged"),
        )
    await forger.say(records.Watch(sent.task_id))
    await forger.hear(records.Pending)

    assert caplog.text.count("does not hold that delivery") == 1
    assert (await client.stats()).delivered == 1
    go.set()
    assert (await sent.wait_result(timeout=20)).return_value == "genuine"
    forger.socket.close()
    context.term()


async def test_a_worker_can_give_only_the_result_of_the_task_that_it_has(
    client: ZeroMQBroker, stranger: Stranger, caplog: pytest.LogCaptureFixture
) -> None:
    task = client.register_task(double, "double")
    await stranger.say(records.Hello("forger"), records.Grant(1))
    await stranger.hear(records.Welcome)
    first, second = await task.kiq(1), await task.kiq(2)
    delivery = await stranger.hear(records.Task)
    assert isinstance(delivery, records.Task)
    assert delivery.task_id == first.task_id

    await stranger.say(records.Result(delivery.tag, second.task_id, b"{}"))

    await asyncio.wait_for(logged(caplog, "Dropped"), 20)
    assert not await second.is_ready()


async def test_what_a_worker_must_not_say_is_dropped(
    client: ZeroMQBroker, stranger: Stranger, caplog: pytest.LogCaptureFixture
) -> None:
    await stranger.say(records.Hello("odd"), records.Welcome(bytes(16)), records.Grant(1))
    await stranger.hear(records.Welcome)

    await asyncio.wait_for(logged(caplog, "workers do not send it"), 20)
    assert await client.workers() == 1


async def test_absurd_credit_is_no_harm(client: ZeroMQBroker, stranger: Stranger) -> None:
    task = client.register_task(double, "double")
    await stranger.say(records.Hello("greedy"), records.Grant(2**64 - 1))
    await stranger.hear(records.Welcome)
    sent = [await task.kiq(number) for number in range(100)]
    await stranger.hear(records.Task)

    await stranger.say(records.Goodbye())

    await connected(client, 0)
    stats = await client.stats()
    assert (stats.waiting, stats.delivered) == (100, 0)
    assert not await sent[0].is_ready()


async def test_messages_larger_than_allowed_end_the_connection(
    make_client: MakeClient, make_worker: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    client = await make_client(max_message_size=10_000)
    context = zmq.asyncio.Context()
    stranger = Stranger(context, client.bound_address)

    await stranger.socket.send(bytes(20_000_000))

    await asyncio.wait_for(logged(caplog, "max_message_size"), 20)
    stranger.socket.close()
    context.term()
    await still_works(client, make_worker)


async def test_a_result_that_is_no_result_is_an_error_for_who_asks(
    client: ZeroMQBroker, stranger: Stranger
) -> None:
    task = client.register_task(double, "double")
    await stranger.say(records.Hello("liar"), records.Grant(1))
    sent = await task.kiq(1)
    delivery = await stranger.hear(records.Task)
    assert isinstance(delivery, records.Task)

    await stranger.say(records.Result(delivery.tag, sent.task_id, b"not JSON"))

    with pytest.raises(ResultGetError):
        await sent.wait_result(timeout=20)


async def test_more_workers_than_allowed_are_refused(
    make_client: MakeClient, make_worker: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    client = await make_client(max_workers=1)
    make_worker(client)
    await connected(client, 1)
    make_worker(client)

    await asyncio.wait_for(logged(caplog, "refused this worker: the client takes 1 workers"), 20)

    assert await client.workers() == 1


async def test_a_hub_that_sends_more_than_it_may_gets_it_back(make_worker: MakeWorker) -> None:
    context = zmq.asyncio.Context()
    hub = context.socket(zmq.ROUTER)
    hub.linger = 0
    port = hub.bind_to_random_port("tcp://127.0.0.1")
    worker = ZeroMQBroker(zmq_sub_host=f"tcp://127.0.0.1:{port}")
    worker.is_worker_process = True
    await worker.startup()
    identity, hello = await hub.recv_multipart()
    epoch, _ = decode_batch(hello)
    said: list[records.Record] = [
        records.Welcome(bytes(16)),
        records.Task(7, 1, 0, False, "id", b"body"),
        records.Stored(99),
        records.Recalled(5),
        records.Grant(1),
    ]

    await hub.send_multipart([identity, encode_batch(epoch, [encode(each) for each in said])])

    _, answer = await hub.recv_multipart()
    assert decode_batch(answer)[1] == [records.Returns((7,))]
    await worker.shutdown()
    hub.close()
    context.term()


class TestCurve:
    async def test_with_the_right_keys_it_works(
        self, make_client: MakeClient, make_worker: MakeWorker
    ) -> None:
        keys = CurveKeys.generate()
        client = await make_client(curve=keys)
        task = client.register_task(double, "double")
        worker_keys = CurveKeys(
            server_public=keys.server_public,
            worker_public=keys.worker_public,
            worker_secret=keys.worker_secret,
        )
        make_worker(client, curve=worker_keys)

        assert (await (await task.kiq(3)).wait_result(timeout=20)).return_value == 6

    @pytest.mark.parametrize("stranger", ["not allowed", "wrong server", "no keys"])
    async def test_with_others_nobody_gets_in(
        self,
        make_client: MakeClient,
        make_worker: MakeWorker,
        stranger: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        keys, others = CurveKeys.generate(), CurveKeys.generate()
        server = others if stranger == "wrong server" else keys
        client = await make_client(curve=keys)
        client.register_task(double, "double")
        strange_keys = CurveKeys(
            server_public=server.server_public,
            worker_public=others.worker_public,
            worker_secret=others.worker_secret,
        )
        make_worker(client, curve=None if stranger == "no keys" else strange_keys)

        await asyncio.wait_for(logged(caplog, "CURVE keys"), 20)

        assert await client.workers() == 0

    async def test_without_a_list_any_key_that_knows_the_server_gets_in(
        self, make_client: MakeClient, make_worker: MakeWorker
    ) -> None:
        keys, own = CurveKeys.generate(), CurveKeys.generate()
        client = await make_client(
            curve=CurveKeys(server_public=keys.server_public, server_secret=keys.server_secret)
        )
        task = client.register_task(double, "double")
        make_worker(
            client,
            curve=CurveKeys(
                server_public=keys.server_public,
                worker_public=own.worker_public,
                worker_secret=own.worker_secret,
            ),
        )

        assert (await (await task.kiq(3)).wait_result(timeout=20)).return_value == 6

    async def test_missing_keys_are_named(self) -> None:
        client = ZeroMQBroker("tcp://127.0.0.1:0", curve=CurveKeys())
        with pytest.raises(ValueError, match="server_secret"):
            await client.startup()

        worker = ZeroMQBroker(zmq_sub_host="tcp://127.0.0.1:9", curve=CurveKeys())
        worker.is_worker_process = True
        with pytest.raises(ValueError, match="worker_secret"):
            await worker.startup()
