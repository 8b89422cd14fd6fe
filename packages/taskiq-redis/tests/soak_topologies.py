"""The contract behind sentinels and in a cluster; takes minutes: `nox -s soak`."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import RedisCluster

from taskiq_core.broker import AsyncBroker
from taskiq_core.exceptions import BrokerError
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.receiver import Receiver
from taskiq_redis import (
    ListQueueClusterBroker,
    ListRedisClusterScheduleSource,
    ListRedisSentinelScheduleSource,
    RedisAsyncClusterResultBackend,
    RedisAsyncSentinelResultBackend,
)
from taskiq_redis.servers import SentinelServer
from taskiq_testkit import (
    BrokerContract,
    BrokerFactory,
    ResultBackendContract,
    ScheduleSourceContract,
)
from taskiq_testservers.redis_server import PATIENCE, RedisServer
from taskiq_testservers.redis_topologies import LEASE, MASTER, cluster_broker, sentinel_broker

Sentinels = list[tuple[str, int]]


# --- servers --------------------------------------------------------------------------------------


class Failover:
    """A master, a replica of it, and a sentinel that watches both."""

    def __init__(self, folder: Path) -> None:
        self.master = RedisServer(folder / "master")
        follow = ["--replicaof", "127.0.0.1", str(self.master.port)]
        self.replica = RedisServer(folder / "replica", *follow)
        self.config = folder / "sentinel.conf"
        self.sentinel = RedisServer(folder, config=self.config)
        self.sentinels = [("127.0.0.1", self.sentinel.port)]

    async def start(self) -> None:
        await self.master.start()
        await self.replica.start()
        await until("state=online", self.master, "INFO", "replication")
        self.config.write_text(
            f"sentinel monitor {MASTER} 127.0.0.1 {self.master.port} 1\n"
            # The test asks for each failover. By itself a Sentinel takes a master for dead that has
            # not answered for so long; with half a second that was a living one: there were two
            # masters for a while, and the test killed the old one.
            f"sentinel down-after-milliseconds {MASTER} 600000\n"
            f"sentinel failover-timeout {MASTER} 60000\n"
        )
        await self.sentinel.start()
        await until("slave", self.sentinel, "SENTINEL", "REPLICAS", MASTER)

    async def promote(self) -> None:
        """Have the sentinel put the replica in the place of a master that was killed."""
        # It refuses (NOGOODSLAVE) as long as what it knows of the replica is not new enough.
        await until("OK", self.sentinel, "SENTINEL", "FAILOVER", MASTER)
        address = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        await until(str(self.replica.port), self.sentinel, *address, patience=3 * PATIENCE)

    def stop(self) -> None:
        for server in (self.sentinel, self.replica, self.master):
            server.kill()


async def until(text: str, server: RedisServer, *command: str, patience: float = PATIENCE) -> None:
    """Ask a server until its answer has that text."""
    async with asyncio.timeout(patience):
        while text not in await server.say(*command):  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def failover(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failover]:
    failover = Failover(tmp_path_factory.mktemp("sentinel"))
    try:
        asyncio.run(failover.start())
        yield failover
    finally:
        failover.stop()


@pytest.fixture(scope="module")
def sentinels(failover: Failover) -> Sentinels:
    return failover.sentinels


async def start_cluster(nodes: list[RedisServer]) -> None:
    for node in nodes:
        await node.start()
    addresses = [f"127.0.0.1:{node.port}" for node in nodes]
    await nodes[0].say("--cluster", "create", *addresses, "--cluster-yes")
    for node in nodes:
        await until("cluster_state:ok", node, "CLUSTER", "INFO")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a node of three."""
    folder = tmp_path_factory.mktemp("cluster")
    nodes = [RedisServer(folder / str(number), "--cluster-enabled", "yes") for number in range(3)]
    try:
        asyncio.run(start_cluster(nodes))
        yield nodes[0].url
    finally:
        for node in nodes:
            node.kill()


@pytest.fixture
def name() -> str:
    """Of a queue of one's own: the servers are shared by the tests of this file."""
    return uuid4().hex


# --- the contract ---------------------------------------------------------------------------------


class TestSentinelBroker(BrokerContract):
    @pytest.fixture
    def make_broker(self, sentinels: Sentinels, name: str) -> Callable[[], AsyncBroker]:
        return lambda: sentinel_broker((sentinels, name))

    @pytest.fixture
    def broker(self, make_broker: Callable[[], AsyncBroker]) -> AsyncBroker:
        return make_broker()

    @pytest.fixture
    def broker_factory(self, sentinels: Sentinels, name: str) -> BrokerFactory:
        return BrokerFactory(
            "taskiq_testservers.redis_topologies:sentinel_broker", (sentinels, name)
        )


class TestClusterBroker(BrokerContract):
    @pytest.fixture
    def make_broker(self, cluster: str, name: str) -> Callable[[], AsyncBroker]:
        return lambda: cluster_broker((cluster, name))

    @pytest.fixture
    def broker(self, make_broker: Callable[[], AsyncBroker]) -> AsyncBroker:
        return make_broker()

    @pytest.fixture
    def broker_factory(self, cluster: str, name: str) -> BrokerFactory:
        return BrokerFactory("taskiq_testservers.redis_topologies:cluster_broker", (cluster, name))


class TestSentinelResultBackend(ResultBackendContract):
    pushes = True

    @pytest.fixture
    def result_backend(self, sentinels: Sentinels, name: str) -> Any:
        return RedisAsyncSentinelResultBackend(sentinels, MASTER, prefix_str=name)


class TestClusterResultBackend(ResultBackendContract):
    pushes = True

    @pytest.fixture
    def result_backend(self, cluster: str, name: str) -> Any:
        return RedisAsyncClusterResultBackend(cluster, prefix_str=name)


class TestSentinelScheduleSource(ScheduleSourceContract):
    claim_lease = LEASE / 2
    tells_changes = True

    @pytest.fixture
    def source(self, sentinels: Sentinels, name: str) -> ListRedisSentinelScheduleSource:
        return ListRedisSentinelScheduleSource(
            sentinels, MASTER, name, claim_lease=self.claim_lease
        )


class TestClusterScheduleSource(ScheduleSourceContract):
    claim_lease = LEASE / 2
    tells_changes = True

    @pytest.fixture
    def source(self, cluster: str, name: str) -> ListRedisClusterScheduleSource:
        return ListRedisClusterScheduleSource(cluster, name, claim_lease=self.claim_lease)


# --- what else they promise -----------------------------------------------------------------------


@pytest.mark.timeout(180)
async def test_a_failover_is_survived_by_all(tmp_path: Path) -> None:
    """The master dies, the replica takes its place: client, worker and waiters go on."""
    failover = Failover(tmp_path)
    try:
        await failover.start()
        client, worker = (sentinel_broker((failover.sentinels, "queue")) for _ in range(2))
        worker.is_worker_process = True
        for broker in (client, worker):
            broker.register_task(_double, "double")
        finish = asyncio.Event()
        receiver = Receiver(worker, max_async_tasks=10, wait_tasks_timeout=PATIENCE)
        listening = asyncio.create_task(receiver.listen(finish))
        double = client.find_task("double")
        before = [await double.kiq(number) for number in range(20)]
        await asyncio.gather(*(task.wait_result(timeout=PATIENCE) for task in before))

        failover.master.kill()

        promoting = asyncio.create_task(failover.promote())
        after = [await _sent_at_last(double, number) for number in range(20)]
        await promoting
        results = await asyncio.gather(*(task.wait_result(timeout=PATIENCE) for task in after))
        assert [result.return_value for result in results] == [2 * n for n in range(20)]
        # The worker is as it was: it waits for messages, and hears of aborts. How one ends that is
        # not so far yet is tested below.
        await until("cmd=blpop", failover.replica, "CLIENT", "LIST")
        await until("1", failover.replica, "PUBSUB", "NUMSUB", "{queue}:aborts")
        finish.set()
        async with asyncio.timeout(PATIENCE):
            await listening
        await client.shutdown()
    finally:
        failover.stop()


async def test_worker_of_a_cluster_serves_several_queues(cluster: str, name: str) -> None:
    """All of their keys are on one node, so that one script may touch them."""
    client, worker = (cluster_broker((cluster, name)) for _ in range(2))
    worker.queues = QueueSelection.parse("mails=2,reports")
    worker.is_worker_process = True
    for broker in (client, worker):
        broker.register_task(_double, "double")
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(worker, max_async_tasks=4).listen(finish))
    double = client.find_task("double")
    assert double is not None
    tasks = [
        await double.kicker().with_labels(queue_name=queue).kiq(number)
        for number, queue in enumerate(("mails", "reports", "mails"))
    ]

    results = [await task.wait_result(timeout=PATIENCE) for task in tasks]

    assert [result.return_value for result in results] == [0, 2, 4]
    assert await client.queue_names() == (name, "mails", "reports")
    finish.set()
    await listening
    await client.shutdown()
    await worker.shutdown()


async def test_names_of_1_x_in_a_cluster(cluster: str, name: str) -> None:
    """The list of 1.x shares the slot of its queue; a label leads to the slot of another."""
    client, other = (ListQueueClusterBroker(cluster, each) for each in (name, f"{name}-mails"))
    double = client.register_task(_double, "double")
    await double.kicker().with_labels(queue_name=f"{name}-mails").kiq(1)
    async with RedisCluster.from_url(cluster) as redis:
        body = client.formatter.dumps(double.kicker()._prepare_message(2)).message
        await redis.lpush(name, body)

    moved = await client.earlier_queue().take_over()

    assert moved == 1
    assert [(await each.stats()).waiting for each in (client, other)] == [1, 1]
    await client.shutdown()
    await other.shutdown()


@pytest.mark.filterwarnings(
    # asyncio.open_connection leaves its socket to the garbage collector when it is cancelled.
    "ignore:unclosed:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
async def test_a_worker_that_connects_can_be_stopped(sentinels: Sentinels) -> None:
    """At whatever step of it; one that goes on as if nothing was would never end."""
    server = SentinelServer(sentinels, MASTER)
    swallowed = 0

    for step in range(600):
        connecting = asyncio.create_task(server.connect(""))
        await asyncio.sleep(step / 100_000)
        is_too_late = not connecting.cancel()
        await asyncio.wait({connecting})
        if not connecting.cancelled():
            await connecting.result().disconnect(nowait=True)
            swallowed += not is_too_late

    assert swallowed == 0


async def _double(number: int) -> int:
    return 2 * number


async def _sent_at_last(task: Any, number: int) -> Any:
    async with asyncio.timeout(4 * PATIENCE):
        while True:
            try:
                return await task.kiq(number)
            except BrokerError:
                await asyncio.sleep(0.1)
