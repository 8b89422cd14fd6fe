"""What a long look of fresh eyes found: small ways to lose, to run twice, or to wait for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.slots import Slots
from taskiq_core.receiver import Receiver
from taskiq_redis import RedisAsyncResultBackend, RedisBroker
from taskiq_redis.errors import RedisUrlError
from taskiq_testservers.redis_server import PATIENCE, RedisServer

LEASE = 0.4


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url, lease=LEASE)
    yield broker
    await broker.shutdown()


def message(task_id: str, **labels: Any) -> BrokerMessage:
    return BrokerMessage(task_id=task_id, task_name="task", message=b"body", labels=labels)


# --- messages that came too late ------------------------------------------------------------------


async def test_however_many_are_late_none_is_run(broker: RedisBroker) -> None:
    await broker.kick_many([message(str(number), expires=0.001) for number in range(500)])
    await asyncio.sleep(0.01)

    expired: set[bytes] = set()
    async with asyncio.timeout(PATIENCE):
        while len(expired) < 500:
            found = await broker.queue.fetch(100, 60)
            assert not found.leased
            expired |= {each.message_id for each in found.expired}


async def test_a_late_message_that_could_not_be_buried_is_not_run(broker: RedisBroker) -> None:
    """As when its caller could not be told: the lease ran out."""
    await broker.kick(message("late", expires=0.001))
    await asyncio.sleep(0.01)
    assert len((await broker.queue.fetch(10, LEASE)).expired) == 1
    await asyncio.sleep(1.5 * LEASE)
    await broker.reclaim()

    again = await broker.queue.fetch(10, LEASE)

    assert [each.message_id for each in again.expired] == [b"late"]
    assert not again.leased


async def test_a_retry_that_comes_too_late_is_not_run(broker: RedisBroker) -> None:
    await broker.kick(message("retried", expires=LEASE))
    (delivery,) = [each async for each in first_of(broker)]
    await delivery.release(1.2 * LEASE)
    await asyncio.sleep(1.5 * LEASE)

    found = await broker.queue.fetch(10, LEASE)

    assert [each.message_id for each in found.expired] == [b"retried"]


async def first_of(broker: RedisBroker) -> AsyncIterator[Any]:
    deliveries = broker.deliveries(Slots(1))
    yield await anext(deliveries)
    await deliveries.aclose()


# --- what can't be stored -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"expires": float("-inf")}, "no number of seconds"),
        ({"delay": "-1e999"}, "no number of seconds"),
        ({"unique_key": "\udcff"}, "no text in UTF-8"),
    ],
)
async def test_a_label_that_can_not_be_stored_is_refused_alone(
    broker: RedisBroker, labels: dict[str, Any], reason: str
) -> None:
    good = asyncio.ensure_future(broker.kick(message("good")))

    with pytest.raises(SendTaskError, match=reason):
        await broker.kick(message("bad", **labels))

    await good
    assert (await broker.stats()).waiting == 1


@pytest.mark.parametrize("name", ["a\nb"])
async def test_a_line_feed_in_a_name_is_refused(broker: RedisBroker, name: str) -> None:
    bad = BrokerMessage(task_id="id", task_name=name, message=b"", labels={})

    with pytest.raises(SendTaskError, match="has a line feed"):
        await broker.kick(bad)


async def test_an_error_that_is_no_text_is_buried_all_the_same(broker: RedisBroker) -> None:
    """It quotes the name of a file, and those may be any bytes."""
    await broker.kick(message("one"))
    (delivery,) = [each async for each in first_of(broker)]

    await delivery.bury("failed", "cannot read report-\udcff.csv")

    (letter,) = await broker.dead_letters()
    assert letter.error == r"cannot read report-\udcff.csv"


async def test_a_letter_that_expired_is_once_in_line_when_it_is_replayed(
    broker: RedisBroker,
) -> None:
    """Its first place in the line was not looked for when it was buried."""
    await broker.kick(message("one", expires=0.001))
    await asyncio.sleep(0.01)
    found = await broker.queue.line.call("ZREM", "{taskiq}:expiring", "one")
    assert found == 1
    (delivery,) = [each async for each in first_of(broker)]
    await broker.queue.line.call("RPUSH", "{taskiq}:ready", "one")

    await delivery.release(60)

    assert not (await broker.queue.fetch(10, LEASE)).leased
    assert (await broker.stats()).waiting == 0


async def test_many_letters_are_replayed_and_purged_in_pieces(broker: RedisBroker) -> None:
    await broker.kick_many([message(str(number)) for number in range(250)])
    for each in (await broker.queue.fetch(250, 60)).leased:
        await broker.queue.line.call("XADD", "{taskiq}:dead", "*", "id", each.message_id)
    await broker.purge()

    assert await broker.purge_dead_letters() == 250
    assert await broker.purge_dead_letters() == 0


# --- connections ----------------------------------------------------------------------------------


async def test_results_are_pushed_again_after_a_connection_was_lost(server: RedisServer) -> None:
    backend = RedisAsyncResultBackend[Any](server.url, poll_interval=60)
    wait = asyncio.create_task(backend.wait("one"))
    await until_channel(server, "one")

    await server.say("CLIENT", "KILL", "TYPE", "pubsub")

    await until_channel(server, "one")
    await backend.set_result("one", result_of(1))
    async with asyncio.timeout(PATIENCE):
        assert (await wait).return_value == 1
    await backend.shutdown()


async def until_channel(server: RedisServer, task_id: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while f":{task_id}\n1\n" not in await server.say(  # noqa: ASYNC110  # has no event
            "PUBSUB", "NUMSUB", f"{{taskiq}}:result:{task_id}"
        ):
            await asyncio.sleep(0.01)


def result_of(value: Any) -> TaskiqResult[Any]:
    return TaskiqResult(is_err=False, return_value=value, execution_time=0.1)


async def test_loops_side_by_side_keep_their_connections(server: RedisServer) -> None:
    """A broker that two threads use in turn does not connect at each change."""
    broker = RedisBroker(server.url)

    def one_of_two(first: bool) -> None:
        async def send() -> None:
            for number in range(20):
                await broker.kick(message(f"{first}{number}"))
                await asyncio.sleep(0.001)
            await broker.shutdown()

        asyncio.run(send())

    before = await connections(server)
    await asyncio.gather(*(asyncio.to_thread(one_of_two, first) for first in (True, False)))

    assert await connections(server) - before <= 3  # one of redis-cli


async def connections(server: RedisServer) -> int:
    info = await server.say("INFO", "stats")
    line = next(line for line in info.splitlines() if line.startswith("total_connections"))
    return int(line.partition(":")[2])


async def test_nothing_is_connected_when_all_was_shut_down(server: RedisServer) -> None:
    broker = RedisBroker(server.url)
    await broker.startup()
    saves = [broker.result_backend.set_result(str(n), result_of(n)) for n in range(3)]
    saving = [asyncio.ensure_future(each) for each in saves]
    await asyncio.sleep(0)

    await broker.shutdown()

    await asyncio.gather(*saving, return_exceptions=True)
    async with asyncio.timeout(PATIENCE):
        while (await server.say("CLIENT", "LIST")).count("cmd=") > 1:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.01)


async def test_a_worker_that_has_stopped_hears_no_bell(server: RedisServer) -> None:
    """One that ends while it waits leaves the next ring to another one."""
    worker = RedisBroker(server.url, poll_interval=60)
    waiting = asyncio.create_task(worker.queue.wait(60))
    async with asyncio.timeout(PATIENCE):
        while "cmd=blpop" not in await server.say("CLIENT", "LIST"):  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.01)

    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting

    async with asyncio.timeout(PATIENCE):
        while "cmd=blpop" in await server.say("CLIENT", "LIST"):  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)
    await worker.shutdown()


async def test_aborts_are_heard_after_the_subscription_was_lost_silently(
    server: RedisServer,
) -> None:
    """A connection that nobody ended, and on which nothing comes any more, is found out."""
    worker = RedisBroker(server.url, socket_timeout=0.3)
    aborts = worker.aborts()
    hearing = asyncio.ensure_future(anext(aborts))
    async with asyncio.timeout(PATIENCE):
        while "cmd=subscribe" not in await server.say("CLIENT", "LIST"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    server.pause()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await asyncio.shield(hearing)
    with pytest.raises(Exception, match=r"has not answered for 0\.3 s"):
        await hearing
    server.go_on()
    await worker.shutdown()


@pytest.mark.parametrize(
    "url", ["redis://user:secr#et@host", "redis://:secr/et@host", "redis://u:secret@host:port"]
)
def test_a_url_that_can_not_be_read_is_not_shown(url: str) -> None:
    with pytest.raises(RedisUrlError) as refused:
        RedisBroker(url)

    assert "secr" not in str(refused.value)
    assert "quote them" in str(refused.value)


def test_an_option_that_nobody_knows_is_named(server: RedisServer) -> None:
    with pytest.raises(RedisUrlError, match="bogus"):
        RedisBroker(f"{server.url}?bogus=1")


async def test_a_worker_that_can_not_tell_its_callers_takes_no_more_than_it_can_end(
    server: RedisServer,
) -> None:
    """A result store that stands still must not pile up what is late."""

    class Still(RedisAsyncResultBackend[Any]):
        asked = 0
        may_go_on = asyncio.Event()

        async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
            Still.asked += 1
            await Still.may_go_on.wait()
            await super().set_result(task_id, result)

    broker = RedisBroker(server.url, result_backend=Still(server.url), poll_interval=0.05)
    await broker.kick_many([message(str(number), expires=0.001) for number in range(2_000)])
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker).listen(finish))
    async with asyncio.timeout(PATIENCE):
        while Still.asked < 400:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)
    for _ in range(20):
        await asyncio.sleep(0.01)

    assert Still.asked == 400

    Still.may_go_on.set()
    async with asyncio.timeout(PATIENCE):
        while (await broker.stats()).dead < 2_000:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)
    finish.set()
    await listening
    await broker.shutdown()


@pytest.mark.parametrize(
    ("name", "base"),
    [("mail", "{mail}"), ("{app}mail", "{app}mail"), ("a{b", "{a{b}"), ("{}", "{{}}")],
)
async def test_the_keys_of_a_queue_share_a_slot_whatever_its_name(name: str, base: str) -> None:
    assert RedisBroker(queue_name=name).queue.base == base


async def test_a_socket_of_the_machine_will_do(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    async with RedisServer(tmp_path / "redis", "--unixsocket", str(path)):
        broker = RedisBroker(f"unix://{path}")
        await broker.startup()

        await broker.kick(message("one"))

        assert (await broker.stats()).waiting == 1
        await broker.shutdown()


async def test_results_stand_beside_their_queue(server: RedisServer) -> None:
    """So that a user who may touch one queue's keys has its results, too."""
    broker = RedisBroker(server.url, queue_name="mail")

    await broker.result_backend.set_result("one", result_of(1))

    assert await server.say("KEYS", "*") == "{mail}:result:one\n"
    await broker.result_backend.shutdown()


def test_what_an_option_may_be_meant_for_is_said() -> None:
    with pytest.raises(RedisUrlError, match=r"'leese'\. Leave it out, or look at its spelling"):
        RedisBroker("redis://localhost", leese=3)
    with pytest.raises(RedisUrlError, match="begins with rediss://"):
        RedisBroker("redis://localhost", ssl_ca_certs="x.pem")
