"""What a program sees: a client and workers, over real sockets, in one event loop."""

import asyncio
import logging
import socket
from typing import Any

import pytest
from taskiq_dependencies import Depends

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.capabilities import Capability
from taskiq_core.client.context import Context
from taskiq_core.events import TaskiqEvents
from taskiq_core.exceptions import (
    ResultSerializationError,
    SendTaskError,
    TaskiqResultTimeoutError,
    TaskRetryError,
)
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.slots import Slots
from taskiq_testservers.zmq_workers import MakeClient, MakeWorker, connected, on_loopback, settled
from taskiq_zmq import (
    AddressError,
    AddressInUseError,
    ClientOnlyError,
    MessageTooLargeError,
    NoHubError,
    NotAWorkerError,
    NotStartedError,
    QueueFullError,
    ResultMissingError,
    ResultsClosedError,
    ZeroMQBroker,
)


class DictBackend(AsyncResultBackend[Any]):
    """Results in a dict of this process."""

    def __init__(self) -> None:
        self.results: dict[str, TaskiqResult[Any]] = {}

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        self.results[task_id] = result

    async def is_result_ready(self, task_id: str) -> bool:
        return task_id in self.results

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        return self.results[task_id]


async def double(value: int) -> int:
    return 2 * value


async def fail() -> None:
    raise ValueError("on purpose")


class Holder:
    """A task that waits until the test lets it go."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.go = asyncio.Event()
        self.running = 0
        self.most = 0

    async def __call__(self) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        self.started.set()
        await self.go.wait()
        self.running -= 1


def hold_task(client: ZeroMQBroker) -> tuple[Any, Holder]:
    holder = Holder()

    async def hold() -> None:
        await holder()

    return client.register_task(hold, "hold"), holder


class TestResults:
    async def test_come_back_to_the_caller(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        task = client.register_task(double, "double")
        make_worker(client)

        sent = [await task.kiq(number) for number in range(200)]
        results = [await each.wait_result(timeout=20) for each in sent]

        assert [result.return_value for result in results] == [2 * n for n in range(200)]
        await settled(client)

    async def test_of_tasks_sent_before_a_worker_is_there(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        task = client.register_task(double, "double")
        sent = [await task.kiq(number) for number in range(50)]
        assert (await client.stats()).waiting == 50

        make_worker(client)

        assert [(await each.wait_result(timeout=20)).return_value for each in sent] == [
            2 * n for n in range(50)
        ]

    async def test_errors_are_rebuilt(self, client: ZeroMQBroker, make_worker: MakeWorker) -> None:
        task = client.register_task(fail, "fail")
        make_worker(client)

        result = await (await task.kiq()).wait_result(timeout=20)

        assert isinstance(result.error, ValueError)
        assert result.error.args == ("on purpose",)

    async def test_what_can_not_be_serialized_is_an_error_result(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        async def thing() -> object:
            return object()

        task = client.register_task(thing, "thing")
        make_worker(client)

        result = await (await task.kiq()).wait_result(timeout=20)

        assert isinstance(result.error, ResultSerializationError)

    async def test_that_are_too_large_are_error_results(
        self, make_client: MakeClient, make_worker: MakeWorker
    ) -> None:
        async def large() -> str:
            return "x" * 20_000

        client = await make_client()
        task = client.register_task(large, "large")
        make_worker(client, max_message_size=10_000)

        result = await (await task.kiq()).wait_result(timeout=20)

        assert isinstance(result.error, ResultSerializationError)
        assert "10000 are allowed" in str(result.error)

    async def test_of_one_megabyte_in_both_directions(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        async def echo(value: str) -> str:
            return value

        task = client.register_task(echo, "echo")
        make_worker(client)

        sent = [await task.kiq(str(number) * 1_000_000) for number in range(5)]

        for number, each in enumerate(sent):
            result = await each.wait_result(timeout=20)
            assert result.return_value == str(number) * 1_000_000

    async def test_can_be_asked_for(self, client: ZeroMQBroker, make_worker: MakeWorker) -> None:
        task, holder = hold_task(client)
        make_worker(client)
        sent = await task.kiq()
        await asyncio.wait_for(holder.started.wait(), 20)

        assert not await sent.is_ready()
        with pytest.raises(ResultMissingError, match=sent.task_id):
            await sent.get_result()
        with pytest.raises(TaskiqResultTimeoutError):
            await sent.wait_result(timeout=0.01)

        holder.go.set()
        await sent.wait_result(timeout=20)
        assert await sent.is_ready()
        assert not (await sent.get_result()).is_err

    async def test_progress_is_seen_by_the_caller(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        told, go = asyncio.Event(), asyncio.Event()

        async def work(context: Context = Depends()) -> None:
            backend = context.broker.result_backend
            await backend.set_progress(
                context.message.task_id, TaskProgress(state="half", meta={"done": 5})
            )
            told.set()
            await go.wait()

        task = client.register_task(work, "work")
        make_worker(client)
        sent = await task.kiq()
        assert await sent.get_progress() is None
        await asyncio.wait_for(told.wait(), 20)
        go.set()
        await sent.wait_result(timeout=20)

        assert await sent.get_progress() == TaskProgress(state="half", meta={"done": 5})

    async def test_waiting_ends_when_the_client_stops(self, make_client: MakeClient) -> None:
        client = await make_client()
        task = client.register_task(double, "double")
        waiting = asyncio.create_task((await task.kiq(1)).wait_result())
        await asyncio.sleep(0)

        await client.shutdown()

        with pytest.raises(ResultsClosedError):
            await waiting

    async def test_a_cancelled_wait_disturbs_nobody(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        task = client.register_task(double, "double")
        sent = await task.kiq(4)
        waiting = asyncio.create_task(sent.wait_result())
        await asyncio.sleep(0)
        waiting.cancel()
        make_worker(client)

        assert (await sent.wait_result(timeout=20)).return_value == 8


class TestWorkers:
    async def test_share_the_tasks(self, client: ZeroMQBroker, make_worker: MakeWorker) -> None:
        """Each has one slot, and each task waits for one in the other worker."""
        seen: list[ZeroMQBroker] = []
        pair = asyncio.Barrier(2)

        async def meet(context: Context = Depends()) -> None:
            assert isinstance(context.broker, ZeroMQBroker)
            seen.append(context.broker)
            await pair.wait()

        task = client.register_task(meet, "meet")
        workers = [make_worker(client, max_async_tasks=1) for _ in range(2)]

        for each in [await task.kiq() for _ in range(20)]:
            await each.wait_result(timeout=20)

        assert [seen.count(worker.broker) for worker in workers] == [10, 10]

    async def test_get_no_more_than_they_have_slots_for(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        task, holder = hold_task(client)
        make_worker(client, max_async_tasks=2)
        sent = [await task.kiq() for _ in range(7)]
        await asyncio.wait_for(holder.started.wait(), 20)
        while (await client.stats()).delivered < 2:  # noqa: ASYNC110  # no event for that
            await asyncio.sleep(0)

        stats = await client.stats()
        assert (stats.delivered, stats.waiting) == (2, 5)
        holder.go.set()
        for each in sent:
            await each.wait_result(timeout=20)
        assert holder.most == 2

    async def test_give_back_what_they_have_not_begun(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        """A worker that stops while its client goes on sending loses nothing, delays nothing."""
        task = client.register_task(double, "double")
        first = make_worker(client, max_async_tasks=5)
        await connected(client, 1)
        sent = [await task.kiq(number) for number in range(300)]
        await sent[0].wait_result(timeout=20)

        await first.stop()
        make_worker(client)

        for number, each in enumerate(sent):
            assert (await each.wait_result(timeout=20)).return_value == 2 * number

    async def test_of_several_clients_serve_all_of_them_with_one_slot(
        self, make_client: MakeClient, make_worker: MakeWorker
    ) -> None:
        clients = [await make_client() for _ in range(3)]
        tasks = [client.register_task(double, "double") for client in clients]
        make_worker(*clients, max_async_tasks=1)

        sent = [await task.kiq(number) for number in range(20) for task in tasks]

        for number, each in enumerate(sent):
            assert (await each.wait_result(timeout=20)).return_value == 2 * (number // 3)

    async def test_can_send_tasks_and_wait_for_them(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        async def parent(value: int, context: Context = Depends()) -> Any:
            assert isinstance(context.broker, ZeroMQBroker)
            child = context.broker.find_task("double")
            assert child is not None
            sent = await child.kiq(value)
            again = await child.kiq(value)
            result = await sent.wait_result(timeout=20)
            await again.wait_result(timeout=20)
            assert await again.is_ready()
            return result.return_value + (await again.get_result()).return_value

        client.register_task(double, "double")
        task = client.register_task(parent, "parent")
        make_worker(client)

        result = await (await task.kiq(5)).wait_result(timeout=20)

        assert result.raise_for_error().return_value == 20

    async def test_can_read_results_of_tasks_that_others_sent(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        async def read(task_id: str, context: Context = Depends()) -> list[Any]:
            backend = context.broker.result_backend
            ready = await backend.is_result_ready(task_id)
            missing = await backend.is_result_ready("no such task")
            return [ready, missing, (await backend.get_result(task_id)).return_value]

        first = client.register_task(double, "double")
        second = client.register_task(read, "read")
        make_worker(client)
        sent = await first.kiq(2)
        await sent.wait_result(timeout=20)

        result = await (await second.kiq(sent.task_id)).wait_result(timeout=20)

        assert result.raise_for_error().return_value == [True, False, 4]

    async def test_without_a_client_can_not_send(self) -> None:
        worker = on_loopback(zmq_sub_host="tcp://127.0.0.1:9", send_timeout=0.05)
        worker.is_worker_process = True
        task = worker.register_task(double, "double")
        await worker.startup()
        try:
            with pytest.raises(NoHubError, match=r"reach one at tcp://127\.0\.0\.1:9"):
                await task.kiq(1)
            with pytest.raises(ClientOnlyError, match="count its messages"):
                await worker.stats()
        finally:
            await worker.shutdown()

    async def test_find_a_restarted_client(
        self, make_client: MakeClient, make_worker: MakeWorker, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What ran for the old client is finished, and its result dropped with a log line."""
        old = await make_client()
        address = old.bound_address
        task, holder = hold_task(old)
        worker = make_worker(old)
        worker.broker.register_task(double, "double")
        await task.kiq()
        await asyncio.wait_for(holder.started.wait(), 20)
        await old.shutdown()

        new = await make_client(address)
        sent = await new.register_task(double, "double").kiq(21)
        assert (await sent.wait_result(timeout=20)).return_value == 42
        with caplog.at_level(logging.WARNING):
            holder.go.set()
            while "is dropped: the connection to its client is gone" not in caplog.text:  # noqa: ASYNC110  # no event for that
                await asyncio.sleep(0.005)

        assert (await sent.wait_result(timeout=20)).return_value == 42


class TestQueue:
    async def test_a_full_one_makes_kiq_wait_and_then_fail(self, make_client: MakeClient) -> None:
        client = await make_client(queue_size=2, send_timeout=0.05)
        task = client.register_task(double, "double")
        await task.kiq(1)
        await task.kiq(2)

        with pytest.raises(QueueFullError, match=r"2 tasks, .* 0\.05 s; 0 workers") as caught:
            await task.kiq(3)

        assert (caught.value.queue_size, caught.value.workers) == (2, 0)
        assert isinstance(caught.value, SendTaskError)
        assert (await client.stats()).waiting == 2

    async def test_a_full_one_lets_senders_in_as_it_empties(
        self, make_client: MakeClient, make_worker: MakeWorker
    ) -> None:
        client = await make_client(queue_size=3, send_timeout=20)
        task = client.register_task(double, "double")
        sending = [asyncio.create_task(task.kiq(number)) for number in range(50)]
        await asyncio.sleep(0)
        make_worker(client)

        for number, each in enumerate(await asyncio.gather(*sending)):
            assert (await each.wait_result(timeout=20)).return_value == 2 * number

    async def test_a_cancelled_kiq_takes_no_place(
        self, make_client: MakeClient, make_worker: MakeWorker
    ) -> None:
        client = await make_client(queue_size=1, send_timeout=20)
        task = client.register_task(double, "double")
        first = await task.kiq(1)
        second = asyncio.create_task(task.kiq(2))
        third = asyncio.create_task(task.kiq(3))
        await asyncio.sleep(0)

        second.cancel()
        make_worker(client)

        assert (await first.wait_result(timeout=20)).return_value == 2
        assert (await (await third).wait_result(timeout=20)).return_value == 6

    async def test_a_waiting_kiq_ends_when_the_client_stops(self, make_client: MakeClient) -> None:
        client = await make_client(queue_size=1, send_timeout=60)
        task = client.register_task(double, "double")
        await task.kiq(1)
        waiting = asyncio.create_task(task.kiq(2))
        await asyncio.sleep(0)

        await client.shutdown()

        with pytest.raises(NotStartedError):
            await waiting

    async def test_delayed_tasks_wait_for_their_time(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        order: list[str] = []

        async def note(name: str) -> None:
            order.append(name)

        task = client.register_task(note, "note")
        make_worker(client)

        later = await task.kicker().with_labels(delay=0.2).kiq("later")
        assert (await client.stats()).delayed == 1
        await (await task.kiq("now")).wait_result(timeout=20)
        await later.wait_result(timeout=20)

        assert order == ["now", "later"]

    @pytest.mark.parametrize("delay", ["soon", float("inf"), float("nan")])
    async def test_impossible_delays_are_refused(self, client: ZeroMQBroker, delay: object) -> None:
        task = client.register_task(double, "double")

        with pytest.raises(SendTaskError, match="number of seconds"):
            await task.kicker().with_labels(delay=delay).kiq(1)

    async def test_a_task_can_be_given_back(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        async def at_last(context: Context = Depends()) -> int:
            if context.attempt < 3:
                raise TaskRetryError(delay=0.01)
            return context.attempt

        task = client.register_task(at_last, "at_last")
        make_worker(client)

        assert (await (await task.kiq()).wait_result(timeout=20)).return_value == 3

    async def test_a_task_can_be_given_up_and_replayed(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        async def reject(context: Context = Depends()) -> None:
            context.reject()

        task = client.register_task(reject, "reject")
        make_worker(client)
        await (await task.kiq()).wait_result(timeout=20)
        await settled(client)

        [letter] = await client.dead_letters()
        assert (letter.task_name, letter.attempt) == ("reject", 1)
        assert "rejected" in letter.reason
        assert await client.replay_dead_letters() == 1
        while not await client.dead_letters():  # noqa: ASYNC110  # no event for that
            await asyncio.sleep(0.005)
        assert await client.purge_dead_letters() == 1
        assert (await client.stats()).dead == 0

    async def test_can_be_purged(self, client: ZeroMQBroker) -> None:
        task = client.register_task(double, "double")
        for number in range(3):
            await task.kiq(number)

        assert await client.purge() == 3
        assert (await client.stats()).waiting == 0

    async def test_too_large_a_task_is_refused(self, make_client: MakeClient) -> None:
        client = await make_client(max_message_size=1_000)
        task = client.register_task(double, "double")

        with pytest.raises(MessageTooLargeError, match="1000 are allowed"):
            await task.kiq(10**2_000)

    async def test_sending_many_lets_others_have_their_turn(self, client: ZeroMQBroker) -> None:
        task = client.register_task(double, "double")
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        watching = asyncio.create_task(other())
        for number in range(1_000):
            await task.kiq(number)
        watching.cancel()

        assert turns >= 10


class TestLife:
    async def test_sending_before_startup_says_what_to_do(self) -> None:
        task = on_loopback().register_task(double, "double")

        with pytest.raises(NotStartedError, match=r"await broker\.startup\(\)"):
            await task.kiq(1)

    async def test_a_client_gets_no_deliveries(self, client: ZeroMQBroker) -> None:
        with pytest.raises(NotAWorkerError, match="taskiq worker"):
            client.deliveries(Slots(1))

    async def test_startup_and_shutdown_may_be_called_twice_and_again(self) -> None:
        client = on_loopback()
        await client.shutdown()
        for _ in range(2):
            await client.startup()
            await client.startup()
            assert client.bound_address.startswith("tcp://127.0.0.1:")
            await client.shutdown()
            await client.shutdown()
        assert client.bound_address == ""

    async def test_an_address_in_use_is_named_with_the_cure(self, client: ZeroMQBroker) -> None:
        other = on_loopback(client.bound_address)

        with pytest.raises(AddressInUseError, match="another zmq_pub_host") as caught:
            await other.startup()

        assert client.bound_address in str(caught.value)
        await other.shutdown()

    async def test_an_address_of_another_machine_can_not_be_bound(self) -> None:
        with pytest.raises(AddressError, match=r"192\.0\.2\.1.*its own machine"):
            await on_loopback("tcp://192.0.2.1:5555").startup()

    async def test_a_host_that_can_not_be_resolved_is_named(self) -> None:
        worker = on_loopback(zmq_sub_host="tcp://no-such-host.invalid:5555")
        worker.is_worker_process = True

        with pytest.raises(AddressError, match=r"no-such-host\.invalid.*can't be resolved"):
            await worker.startup()

    async def test_the_socket_is_closed_when_a_handler_of_startup_fails(self) -> None:
        client = on_loopback()

        @client.on_event(TaskiqEvents.CLIENT_STARTUP)
        async def fail_to_start(state: object) -> None:
            raise RuntimeError("no")

        with pytest.raises(RuntimeError):
            await client.startup()

        assert client.bound_address == ""

    @pytest.mark.parametrize(
        ("address", "warns"), [("tcp://0.0.0.0:0", True), ("tcp://127.0.0.1:0", False)]
    )
    async def test_an_open_socket_without_keys_is_warned_of(
        self, address: str, warns: bool, make_client: MakeClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        await make_client(address)

        assert ("CurveKeys" in caplog.text) is warns

    async def test_a_client_waits_for_its_tasks_when_it_stops(
        self, make_client: MakeClient, make_worker: MakeWorker
    ) -> None:
        client = await make_client(linger=20.0)
        task, holder = hold_task(client)
        make_worker(client)
        sent = await task.kiq()
        await asyncio.wait_for(holder.started.wait(), 20)

        stopping = asyncio.create_task(client.shutdown())
        await asyncio.sleep(0)
        holder.go.set()
        await stopping

        assert await sent.is_ready()

    async def test_a_client_says_what_it_drops(
        self, make_client: MakeClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = await make_client(linger=0.01)
        task = client.register_task(double, "double")
        sent = [await task.kiq(number) for number in range(30)]

        await client.shutdown()

        assert "30 tasks are dropped" in caplog.text
        assert "30 x double" in caplog.text
        assert sent[0].task_id in caplog.text
        assert sent[29].task_id not in caplog.text, "the list is bounded"

    async def test_results_may_be_kept_elsewhere(
        self, make_client: MakeClient, make_worker: MakeWorker
    ) -> None:
        elsewhere = DictBackend()
        client = await make_client(result_backend=elsewhere)
        task = client.register_task(double, "double")
        make_worker(client, result_backend=elsewhere)

        result = await (await task.kiq(3)).wait_result(timeout=20, check_interval=0.01)

        assert result.return_value == 6


class TestBroadcast:
    async def test_every_worker_runs_every_task(
        self, make_client: MakeClient, make_worker: MakeWorker
    ) -> None:
        seen: list[tuple[ZeroMQBroker, int]] = []
        done = asyncio.Event()

        async def note(number: int, context: Context = Depends()) -> None:
            assert isinstance(context.broker, ZeroMQBroker)
            seen.append((context.broker, number))
            if len(seen) == 20:
                done.set()

        client = await make_client(mode="broadcast")
        task = client.register_task(note, "note")
        workers = [make_worker(client), make_worker(client)]
        await connected(client, 2)

        sent = [await task.kiq(number) for number in range(10)]
        await asyncio.wait_for(done.wait(), 20)

        for worker in workers:
            assert sorted(n for broker, n in seen if broker is worker.broker) == list(range(10))
        for each in sent:
            assert not (await each.wait_result(timeout=20)).is_err

    async def test_the_capabilities_are_those_of_the_mode(self) -> None:
        broadcast = on_loopback(mode="broadcast").capabilities
        exclusive = on_loopback().capabilities

        assert broadcast is not None
        assert exclusive is not None
        assert Capability.BROADCAST in broadcast
        assert Capability.ACK not in broadcast
        assert Capability.ACK in exclusive

    def test_an_unknown_mode_is_refused(self) -> None:
        with pytest.raises(ValueError, match="somehow"):
            on_loopback(mode="somehow")


class TestUrls:
    def test_name_the_address_of_both_sides(self) -> None:
        broker = ZeroMQBroker.from_url("zmq+tcp://127.0.0.1:7000?queue_size=5&mode=broadcast")

        assert broker.queue_size == 5
        assert broker.mode == "broadcast"

    async def test_may_bind_elsewhere(self) -> None:
        broker = ZeroMQBroker.from_url("zmq+tcp://example.com:7000?bind=tcp://127.0.0.1:0")
        await broker.startup()

        assert broker.bound_address.startswith("tcp://127.0.0.1:")
        await broker.shutdown()

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("zmq+tcp://localhost", "host:port"),
            ("zmq+tcp://localhost:1?colour=red", "unknown option 'colour'"),
            ("zmq+tcp://localhost:1?queue_size=many", "queue_size.*many"),
        ],
    )
    def test_with_mistakes_are_refused(self, url: str, says: str) -> None:
        with pytest.raises(AddressError, match=says):
            ZeroMQBroker.from_url(url)

    async def test_unix_sockets_work(self, make_worker: MakeWorker, tmp_path: Any) -> None:
        client = ZeroMQBroker.from_url(f"zmq+ipc://{tmp_path}/socket", linger=0.0)
        task = client.register_task(double, "double")
        await client.startup()
        worker = make_worker(client)

        assert (await (await task.kiq(1)).wait_result(timeout=20)).return_value == 2
        await worker.stop()
        await client.shutdown()


@pytest.mark.parametrize(
    "options", [{"queue_size": 0}, {"max_message_size": 0}, {"max_workers": 0}, {"linger": -1}]
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        ZeroMQBroker(**options)


async def test_ipv6(make_client: MakeClient, make_worker: MakeWorker) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    client = await make_client("tcp://[::1]:0")
    task = client.register_task(double, "double")
    make_worker(client)

    assert (await (await task.kiq(1)).wait_result(timeout=20)).return_value == 2
