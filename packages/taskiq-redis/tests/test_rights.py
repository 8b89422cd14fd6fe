"""Users of the server that may do only what taskiq needs, and users that may do less."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import BrokerSetupError, SendTaskError, TaskiqError
from taskiq_core.messages.history import MinuteCounters
from taskiq_core.messages.message_info import MessageState
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.receiver import Receiver
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisBroker
from taskiq_redis.errors import RedisRightsError, RedisUnreachableError
from taskiq_redis.storage.scripts import OPERATOR_SCRIPTS, QUEUE_SCRIPTS, UPGRADE_SCRIPTS
from taskiq_testkit import (
    ResultBackendContract,
    ScheduleSourceContract,
)
from taskiq_testservers.redis_contract import LEASE, OneServerContract
from taskiq_testservers.redis_server import PATIENCE, RedisServer

PASSWORD = "secret-word"
KEYS = ["~{taskiq}", "~{taskiq}:*", "&{taskiq}:*"]
"""What a queue named `taskiq` has, its results, and schedules whose prefix is that."""
COMMANDS = """
    blpop del eval evalsha exists get getrange hdel hexists hget hgetall hkeys hlen hmget hset
    hsetnx incr incrby llen lpop lpush lrange ltrim mget ping publish rpush sadd set smembers srem
    subscribe time unsubscribe xadd xdel xlen xrange xrevrange zadd zcard zcount zrange
    zrangebyscore zrank zrem zremrangebyscore zscore
""".split()  # noqa: SIM905  # as they stand in the README
RIGHTS = [*KEYS, *(f"+{command}" for command in COMMANDS)]
UPGRADE_COMMANDS = "lindex rpop type xack xautoclaim xgroup xinfo xpending xreadgroup".split()  # noqa: SIM905  # as above
UPGRADE_RIGHTS = ["~taskiq", *(f"+{command}" for command in UPGRADE_COMMANDS)]
"""What is needed besides to take over what taskiq-redis 1.x left."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """With a user that may do what is needed; also after a restart."""
    user = ["--user", "app", "on", f">{PASSWORD}", *RIGHTS]
    async with RedisServer(tmp_path / "redis", *user) as server:
        yield server


def url_of(server: RedisServer) -> str:
    return f"redis://app:{PASSWORD}@127.0.0.1:{server.port}"


# --- what suffices --------------------------------------------------------------------------------


class TestBrokerOfALimitedUser(OneServerContract):
    @pytest.fixture
    def address(self, server: RedisServer) -> str:
        return url_of(server)


class TestResultsOfALimitedUser(ResultBackendContract):
    pushes = True

    @pytest.fixture
    def result_backend(self, server: RedisServer) -> RedisAsyncResultBackend[Any]:
        return RedisAsyncResultBackend(url_of(server), keep_results=True)


class TestSchedulesOfALimitedUser(ScheduleSourceContract):
    claim_lease = LEASE / 2
    tells_changes = True

    @pytest.fixture
    def source(self, server: RedisServer) -> ListRedisScheduleSource:
        return ListRedisScheduleSource(url_of(server), "taskiq", claim_lease=self.claim_lease)


async def test_results_that_are_deleted_when_they_are_read(server: RedisServer) -> None:
    backend = RedisAsyncResultBackend[Any](url_of(server), keep_results=False)
    client = RedisBroker(url_of(server))
    client.register_task(_double, "double")
    async with working(client):
        task = await task_of(client).kiq(1)
        await task.wait_result(timeout=PATIENCE)

    assert (await backend.get_result(task.task_id)).return_value == 2
    assert not await backend.is_result_ready(task.task_id)
    await backend.shutdown()
    await client.shutdown()


async def test_queues_workers_and_history_of_a_limited_user(server: RedisServer) -> None:
    broker = RedisBroker.from_url(f"{url_of(server)}?history=10")
    broker.worker_id = "worker-a"
    broker.register_task(_double, "double")
    await task_of(broker).kicker().with_labels(queue_name="mails", priority=1).kiq(1)
    await task_of(broker).kicker().with_labels(queue_name="mails", delay=60).kiq(1)
    await broker.pause(queue="mails")
    await broker.resume(queue="mails")
    pages = [await broker.messages(each, queue="mails") for each in MessageState]
    after = await broker.messages(
        MessageState.DELAYED, queue="mails", after=pages[2].messages[0].key
    )
    minute = datetime.now(UTC).replace(second=0, microsecond=0)

    await broker.add_history([], [MinuteCounters(minute=minute, task_name="double", started=1)])

    assert [len(page.messages) for page in pages] == [1, 0, 1, 0]
    assert not after.messages
    assert [each.started for each in await broker.minute_counters(since=minute)] == [1]
    assert (await broker.deliveries_of_past()).deliveries == []
    assert await broker.workers() == []
    assert await broker.reclaim(owner="worker-a") == 0
    await broker.withdraw("worker-a")
    await broker.shutdown()


def test_the_rights_are_those_that_scripts_and_modules_use() -> None:
    package = resources.files("taskiq_redis")
    folder = Path(str(package))
    sources = [file.read_text() for file in folder.rglob("*") if file.suffix in (".lua", ".py")]
    text = "\n".join(sources)

    in_scripts = {each.lower() for each in re.findall(r"redis\.p?call\('(\w+)'", text)}
    assert in_scripts - {*COMMANDS, *UPGRADE_COMMANDS} == set()
    assert [each for each in COMMANDS if not re.search(rf"['\"]{each.upper()}['\"]", text)] == []


def test_a_worker_looks_for_all_rights_of_its_scripts() -> None:
    scripts = resources.files("taskiq_redis.storage") / "lua"
    used_by_workers = QUEUE_SCRIPTS.keys() - OPERATOR_SCRIPTS - UPGRADE_SCRIPTS
    parts = {part for each in used_by_workers for part in QUEUE_SCRIPTS[each]}
    names = ("set_results", *parts, *used_by_workers)
    text = "\n".join((scripts / f"{name}.lua").read_text() for name in names)
    used = {each.lower() for each in re.findall(r"redis\.p?call\('(\w+)'", text)}

    checked = set(re.findall(r"check\('\+(\w+)'", (scripts / "rights.lua").read_text()))

    assert used - {"publish"} - checked == set()  # that one is checked with its channel


def test_the_rights_are_those_of_the_readme() -> None:
    text = (Path(__file__).parent.parent / "README.md").read_text()
    upgrade, line = re.findall(r"```\n(ACL SETUSER .*?)```", text, re.DOTALL)

    assert line.split() == ["ACL", "SETUSER", "app", "on", ">PASSWORD", *RIGHTS]
    assert upgrade.split() == ["ACL", "SETUSER", "app", *UPGRADE_RIGHTS]


@pytest.mark.parametrize("command", [("LPUSH", "taskiq"), ("XADD", "taskiq", "*", "data")])
async def test_messages_of_1_x_are_taken_over_with_their_rights(
    server: RedisServer, command: tuple[str, ...]
) -> None:
    await server.say("ACL", "SETUSER", "app", *UPGRADE_RIGHTS)
    await server.say(*command, '{"task_id": "1", "task_name": "n", "args": [], "labels": {}}')
    broker = RedisBroker(url_of(server))

    moved = await broker.earlier_queue().take_over()

    assert moved == 1
    assert (await broker.earlier_queue().count()).waiting == 0
    await broker.shutdown()


async def test_schedules_change_without_the_right_to_their_channel(server: RedisServer) -> None:
    """As of users that were made for an earlier version: only schedulers hear of it later."""
    await server.say("ACL", "SETUSER", "app", "resetchannels")
    source = ListRedisScheduleSource(url_of(server), "taskiq")
    schedule = ScheduledTask(task_name="double", labels={}, args=[], kwargs={}, interval=60)

    await source.add_schedule(schedule)

    assert await source.get_schedules() == [schedule]
    with pytest.raises(RedisRightsError, match="SUBSCRIBE"):
        await anext(source.changes())
    await source.delete_schedule(schedule.schedule_id)
    assert await source.get_schedules() == []
    await source.shutdown()


async def test_keys_of_others_are_out_of_reach(server: RedisServer) -> None:
    broker = RedisBroker(url_of(server), queue_name="others")
    broker.register_task(_double, "double")

    with pytest.raises(SendTaskError, match="no permissions to access one of the keys"):
        await task_of(broker).kiq(1)

    await broker.shutdown()


# --- what does not --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["ping", "evalsha"])
async def test_a_command_that_is_not_allowed_is_named(server: RedisServer, command: str) -> None:
    await server.say("ACL", "SETUSER", "app", f"-{command}")
    broker = RedisBroker(url_of(server))
    broker.register_task(_double, "double")

    first_to_use = {"ping": broker.startup, "evalsha": lambda: task_of(broker).kiq(1)}

    with pytest.raises(TaskiqError) as refused:
        await first_to_use[command]()

    assert f"no permissions to run the '{command}' command" in str(refused.value)
    assert PASSWORD not in str(refused.value)
    await broker.shutdown()


@pytest.mark.parametrize(
    "right",
    ["+hset", "+lpop", "+zadd", "+blpop", "+getrange", "+set", "+time", "&{taskiq}:*"],
)
async def test_a_worker_is_told_at_once_what_it_lacks(server: RedisServer, right: str) -> None:
    """Also of rights of its scripts, which the server itself does not name."""
    await take_away(server, right)
    worker = RedisBroker(url_of(server))
    worker.is_worker_process = True

    with pytest.raises(RedisRightsError) as refused:
        await worker.startup()

    assert right in str(refused.value)
    assert PASSWORD not in str(refused.value)
    await worker.shutdown()


@pytest.mark.parametrize(
    "right",
    [
        "+hset",
        "+zadd",
        "+blpop",
        "+set",
        "&{taskiq}:*",
    ],
)
async def test_tasks_wait_for_a_right_that_their_worker_lacks(
    server: RedisServer, right: str
) -> None:
    """What was sent runs when the administrator has put it right, though workers have tried."""
    client = RedisBroker(url_of(server), lease=LEASE, poll_interval=LEASE)
    client.register_task(_double, "double")
    tasks = [await task_of(client).kiq(number) for number in range(5)]
    await take_away(server, right)
    async with working(client) as worker:
        refused = asyncio.create_task(until_something_is_refused(server))
        await asyncio.wait({refused, worker}, return_when=asyncio.FIRST_COMPLETED)
        refused.cancel()
    await server.say("ACL", "SETUSER", "app", *RIGHTS)
    async with working(client):
        results = [await task.wait_result(timeout=PATIENCE / 2) for task in tasks]

    assert [result.return_value for result in results] == [0, 2, 4, 6, 8]
    await client.shutdown()


async def test_who_may_not_listen_is_told_so_and_not_all_the_time(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Results come all the same, by looking for them."""
    await take_away(server, "&{taskiq}:*")
    backend = RedisAsyncResultBackend[Any](url_of(server), poll_interval=1.0)
    wait = asyncio.create_task(backend.wait("one"))
    await until_something_is_refused(server)
    await asyncio.sleep(0.5)

    await backend.set_result("one", result_of(1))

    async with asyncio.timeout(PATIENCE):
        assert (await wait).return_value == 1
    warnings = [
        each.message for each in caplog.records if "subscription to results" in each.message
    ]
    assert "does not let its user do what SUBSCRIBE needs" in warnings[0]
    assert len(warnings) < 30
    await backend.shutdown()


def result_of(value: Any) -> TaskiqResult[Any]:
    return TaskiqResult(is_err=False, return_value=value, execution_time=0.1)


async def test_the_password_is_in_no_text(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Not of a user that may do nothing, and not of one that is another's."""
    caplog.set_level("DEBUG")
    broker = RedisBroker(url_of(server))
    wrong = RedisBroker(url_of(server).replace("app:", "stranger:"))
    backend = RedisAsyncResultBackend[Any](url_of(server))
    source = ListRedisScheduleSource(url_of(server))
    broker.register_task(_double, "double")
    await server.say("ACL", "SETUSER", "app", "nocommands")

    texts = [repr(each) for each in (broker, wrong, backend, source)]
    for refused in (
        broker.startup,
        wrong.startup,
        backend.startup,
        source.startup,
        lambda: task_of(broker).kiq(1),
    ):
        with pytest.raises(TaskiqError) as error:
            await refused()
        texts += [str(error.value), repr(error.value), repr(error.value.__cause__)]
    for each in (broker, wrong, backend, source):
        await each.shutdown()

    assert [text for text in [*texts, caplog.text] if PASSWORD in text] == []


@pytest.mark.parametrize("how", ["wrong password", "no password", "a right is taken away"])
async def test_what_is_set_up_wrong_ends_a_worker(server: RedisServer, how: str) -> None:
    """It names what is wrong, and does not try again for ever."""
    url = url_of(server)
    if how == "wrong password":
        url = url.replace(PASSWORD, "wrong")
    elif how == "no password":
        await server.say("CONFIG", "SET", "requirepass", "needed")
        url = server.url
    else:
        client = RedisBroker(url)
        client.register_task(_double, "double")
        await task_of(client).kiq(1)
        await client.shutdown()
        await take_away(server, "+hmget")
    worker = RedisBroker(url)

    async def begin() -> None:
        if how != "a right is taken away":
            await worker.startup()
        await Receiver(worker, run_startup=False).listen(asyncio.Event())

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(BrokerSetupError) as refused:
            await begin()

    named = "hmget" if how == "a right is taken away" else "Look at the user and the password"
    assert named in str(refused.value)
    await worker.shutdown()


async def test_a_user_that_is_switched_off_is_told_so(server: RedisServer) -> None:
    await server.say("ACL", "SETUSER", "app", "off")
    broker = RedisBroker(url_of(server))

    with pytest.raises(RedisUnreachableError, match="invalid username-password pair or user is"):
        await broker.startup()

    await broker.shutdown()


# --- parts ----------------------------------------------------------------------------------------


async def _double(number: int) -> int:
    return 2 * number


def task_of(broker: RedisBroker) -> Any:
    return broker.find_task("double")


@asynccontextmanager
async def working(client: RedisBroker) -> AsyncIterator[asyncio.Task[None]]:
    """A worker of the client's tasks, until the block ends."""
    url = f"redis://app:{PASSWORD}@{client.server.address}"
    worker = RedisBroker(url, lease=LEASE, poll_interval=LEASE)
    worker.is_worker_process = True
    worker.register_task(_double, "double")
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(worker, wait_tasks_timeout=0).listen(finish))
    try:
        yield listening
    finally:
        finish.set()
        await asyncio.wait({listening})
        await worker.shutdown()
    if listening.exception() is not None:
        assert isinstance(listening.exception(), TaskiqError)


async def take_away(server: RedisServer, right: str) -> None:
    """And begin to write down what is refused from then on."""
    change = ["resetchannels"] if right.startswith("&") else [right.replace("+", "-")]
    await server.say("ACL", "SETUSER", "app", *change)
    await server.say("ACL", "LOG", "RESET")


async def until_something_is_refused(server: RedisServer) -> None:
    """By the server's own log."""
    async with asyncio.timeout(PATIENCE):
        while not (await server.say("ACL", "LOG")).strip():  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.05)
