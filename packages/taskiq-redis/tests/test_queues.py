"""Queues of one broker: messages go where their label says, and workers serve several."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskiq_core.exceptions import DuplicateKeyError, SendTaskError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.slots import Slots
from taskiq_core.receiver import Receiver
from taskiq_redis import RedisBroker
from taskiq_redis.queue.fetch import Fetcher
from taskiq_testservers.redis_messages import fetch, message
from taskiq_testservers.redis_server import PATIENCE, RedisServer

LEASE = 0.4


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url, lease=LEASE)
    yield broker
    await broker.shutdown()


def fetcher(broker: RedisBroker, text: str, *, is_strict: bool = False) -> Fetcher:
    selection = QueueSelection.parse(text, is_strict=is_strict)
    return Fetcher(broker.queue, lease=60, selection=selection)


async def send(broker: RedisBroker, queue: str, count: int, **labels: Any) -> None:
    await broker.kick_many(
        [message(f"{queue}-{n}", queue_name=queue, **labels) for n in range(count)]
    )


# --- sending --------------------------------------------------------------------------------------


async def test_label_chooses_the_queue(broker: RedisBroker) -> None:
    await broker.kick(message("plain"))
    await broker.kick(message("named", queue_name="taskiq"))
    await broker.kick(message("mail", queue_name="mails"))
    await broker.kick(message("urgent", queue_name="mails", priority=5))

    default = (await fetch(broker)).deliveries
    mails = (await fetcher(broker, "mails").fetch(10)).deliveries

    assert [each.task_id for each in default] == ["plain", "named"]
    assert [each.task_id for each in mails] == ["urgent", "mail"]
    assert await broker.queue_names() == ("taskiq", "mails")


async def test_keys_of_the_default_queue_are_as_before_and_others_share_their_slot(
    server: RedisServer, broker: RedisBroker
) -> None:
    await broker.kick(message("one"))
    before = set((await server.say("KEYS", "*")).split())

    await broker.kick(message("two", queue_name="mails"))

    after = set((await server.say("KEYS", "*")).split())
    assert before == {f"{{taskiq}}:{kind}" for kind in ("messages", "ready", "bell", "sent")}
    assert after - before == {
        "{taskiq}:queues",
        *(f"{{taskiq}}:queue:mails:{kind}" for kind in ("messages", "ready", "bell", "sent")),
    }


async def test_group_is_stored_in_all_of_its_queues_or_in_none(broker: RedisBroker) -> None:
    await broker.kick(message("first", queue_name="mails", unique_key="only"))

    with pytest.raises(DuplicateKeyError, match="task first has the unique key 'only'"):
        await broker.kick_many(
            [
                message("a"),
                message("b", queue_name="reports"),
                message("c", queue_name="mails", unique_key="only"),
            ]
        )

    assert (await broker.stats()).waiting == 0
    assert await broker.queue_names() == ("taskiq", "mails")
    await broker.kick_many([message("a"), message("b", queue_name="reports", unique_key="only")])
    assert (await broker.stats(queue="reports")).waiting == 1


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, 3])
async def test_name_of_a_queue_that_can_not_be_is_refused(broker: RedisBroker, name: Any) -> None:
    with pytest.raises(SendTaskError, match="its label 'queue_name' is"):
        await broker.kick(message("one", queue_name=name))


@pytest.mark.parametrize("name", ["a:b", "queue:x", "{other}", "a b", "ünïcode", "ready"])
async def test_any_printable_name_will_do(broker: RedisBroker, name: str) -> None:
    await broker.kick(message("one", queue_name=name))

    (delivery,) = (
        await Fetcher(broker.queue, lease=60, selection=QueueSelection({name: 1})).fetch(10)
    ).deliveries

    assert await broker.queue_names() == ("taskiq", name)
    await delivery.ack()
    assert (await broker.stats(queue=name)).delivered == 0


async def test_plain_messages_need_no_more_commands_than_without_queues(
    server: RedisServer, broker: RedisBroker
) -> None:
    """Each command of a script counts, too."""
    await broker.kick(message("warm"))
    (delivery,) = (await fetch(broker)).deliveries
    await delivery.ack()
    await server.say("CONFIG", "RESETSTAT")
    for number in range(10):
        await broker.kick(message(str(number)))
    after_send = await calls(server)
    for _ in range(10):
        (delivery,) = (await fetch(broker, 1)).deliveries
        await delivery.ack()
    after_all = await calls(server)

    # Before there were queues, these were 50 and 269 commands; a note of the time takes four.
    assert after_send <= 50 + 4
    assert after_all - after_send <= 200


async def calls(server: RedisServer) -> int:
    stats = await server.say("INFO", "commandstats")
    lines = [line for line in stats.splitlines() if line.startswith("cmdstat_")]
    mine = [line for line in lines if not line.startswith(("cmdstat_info", "cmdstat_config"))]
    return sum(int(line.partition("calls=")[2].partition(",")[0]) for line in mine)


# --- fetching -------------------------------------------------------------------------------------


async def test_one_fetch_fills_up_from_the_other_queues(broker: RedisBroker) -> None:
    await send(broker, "mails", 3)
    await send(broker, "reports", 10)

    found = (await fetcher(broker, "mails,reports", is_strict=True).fetch(8)).deliveries

    assert [each.task_id for each in found] == [
        *(f"mails-{n}" for n in range(3)),
        *(f"reports-{n}" for n in range(5)),
    ]


async def test_fetch_over_several_queues_is_one_round_trip(
    server: RedisServer, broker: RedisBroker
) -> None:
    each = fetcher(broker, "a,b,c")
    await each.fetch(1)
    before = await reads(server)

    for _ in range(50):
        await each.fetch(10)

    assert await reads(server) - before <= 50 + 5  # those of redis-cli


async def reads(server: RedisServer) -> int:
    stats = await server.say("INFO", "stats")
    return int(stats.partition("total_reads_processed:")[2].split()[0])


async def test_strict_order_looks_at_a_queue_only_while_those_before_are_empty(
    broker: RedisBroker,
) -> None:
    await send(broker, "low", 5)
    each = fetcher(broker, "high,low", is_strict=True)
    first = (await each.fetch(1)).deliveries
    await send(broker, "high", 3)

    rest = [(await each.fetch(1)).deliveries[0].task_id for _ in range(4)]

    assert first[0].task_id == "low-0"
    assert rest == ["high-0", "high-1", "high-2", "low-1"]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    weights=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5), min_size=2),
    limit=st.integers(1, 4),
)
async def test_busy_queues_share_the_fetches_and_none_starves(
    broker: RedisBroker, weights: dict[str, int], limit: int
) -> None:
    for name in weights:
        await send(broker, name, 5 * 5 * limit)
    each = Fetcher(broker.queue, lease=60, selection=QueueSelection(weights))
    total = sum(weights.values())

    firsts: list[str] = []
    for _ in range(2 * total):
        found = (await each.fetch(limit)).deliveries
        firsts.append(str(found[0].task_id)[0])
        await asyncio.gather(*(delivery.ack() for delivery in found))

    assert Counter(firsts[:total]) == weights
    assert Counter(firsts) == {name: 2 * weight for name, weight in weights.items()}
    for name in weights:
        await broker.purge(queue=name)


async def test_message_in_any_queue_wakes_a_waiting_worker(server: RedisServer) -> None:
    worker = RedisBroker(server.url, poll_interval=60)
    worker.queues = QueueSelection.parse("taskiq,mails,reports")
    client = RedisBroker(server.url)
    deliveries = worker.deliveries(Slots(4))
    for queue in ("reports", "taskiq", "mails"):
        coming = asyncio.ensure_future(anext(deliveries))
        await until_it_waits(server)

        await client.kick(message(queue, queue_name=queue))

        async with asyncio.timeout(PATIENCE):
            delivery = await coming
        assert delivery.task_id == queue
        await delivery.ack()
    await deliveries.aclose()
    await worker.shutdown()
    await client.shutdown()


async def test_full_worker_wakes_another_for_each_queue(server: RedisServer) -> None:
    """Also for a queue that its fetch did not come to."""
    one, two = RedisBroker(server.url, poll_interval=60), RedisBroker(server.url, poll_interval=60)
    for worker in (one, two):
        worker.queues = QueueSelection.parse("a,b", is_strict=True)
    await send(one, "a", 2)
    await send(one, "b", 1)
    first = one.deliveries(Slots(1))
    taken = await anext(first)
    await one.queue.store.connection.call("DEL", "{taskiq}:queue:a:bell")
    await one.queue.store.connection.call("DEL", "{taskiq}:queue:b:bell")
    await Fetcher(one.queue, lease=60, selection=one.queues).fetch(1)

    async with asyncio.timeout(PATIENCE):
        await two.queue.store.wait_for_wakeup(60, ["b"])
        second = await anext(two.deliveries(Slots(1)))

    assert (taken.task_id, second.task_id) == ("a-0", "b-0")
    await first.aclose()
    await one.shutdown()
    await two.shutdown()


async def until_it_waits(server: RedisServer) -> None:
    async with asyncio.timeout(PATIENCE):
        while "cmd=blpop" not in await server.say("CLIENT", "LIST"):  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.01)


async def test_worker_runs_tasks_of_its_queues_alone(server: RedisServer) -> None:
    client, worker = RedisBroker(server.url), RedisBroker(server.url)
    ran: list[str] = []

    async def note(text: str) -> None:
        ran.append(text)

    for each in (client, worker):
        each.register_task(note, "note")
    worker.is_worker_process = True
    worker.queues = QueueSelection.parse("mails=2,reports")
    task = client.find_task("note")
    assert task is not None
    await task.kiq("default")
    sent = [await task.kicker().with_labels(queue_name=q).kiq(q) for q in ("mails", "reports") * 5]
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(worker, max_async_tasks=2).listen(finish))

    for each in sent:
        await each.wait_result(timeout=PATIENCE)

    finish.set()
    await listening
    assert Counter(ran) == {"mails": 5, "reports": 5}
    assert (await client.stats()).waiting == 1
    await client.shutdown()
    await worker.shutdown()


# --- settling -------------------------------------------------------------------------------------


async def test_deliveries_of_several_queues_are_renewed_released_and_buried(
    broker: RedisBroker,
) -> None:
    await send(broker, "mails", 2)
    await send(broker, "reports", 2)
    found = (await fetcher(broker, "mails,reports").fetch(4)).deliveries

    assert await broker.renew_leases(found) == []
    for each in found:
        await (each.release(60) if str(each.task_id).endswith("0") else each.bury("test"))

    for queue in ("mails", "reports"):
        stats = await broker.stats(queue=queue)
        assert (stats.delivered, stats.delayed, stats.dead) == (0, 1, 1)
        (letter,) = await broker.dead_letters(queue=queue)
        assert letter.task_id == f"{queue}-1"
        assert await broker.replay_dead_letters(queue=queue) == 1
        assert (await broker.stats(queue=queue)).waiting == 1
        assert await broker.purge(queue=queue) == 2
    assert (await broker.stats()).dead == 0


async def test_deliveries_of_several_queues_are_given_back(broker: RedisBroker) -> None:
    await send(broker, "mails", 3)
    await send(broker, "reports", 3)
    broker.queues = QueueSelection.parse("mails,reports", is_strict=True)
    deliveries = broker.deliveries(Slots(12))
    taken = await anext(deliveries)

    await deliveries.aclose()

    again = (await fetcher(broker, "mails,reports", is_strict=True).fetch(10)).deliveries
    ids = [each.task_id for each in (taken, *again)]
    assert ids == [*(f"mails-{n}" for n in range(3)), *(f"reports-{n}" for n in range(3))]


async def test_leases_that_ran_out_are_reclaimed_from_the_queues_of_the_worker(
    broker: RedisBroker,
) -> None:
    await send(broker, "mails", 1)
    selection = QueueSelection.parse("taskiq,mails")
    await Fetcher(broker.queue, lease=0.05, selection=selection).fetch(2)
    await asyncio.sleep(0.1)
    assert await broker.reclaim() == 0
    broker.queues = selection

    assert await broker.reclaim() == 1

    (delivery,) = (await fetcher(broker, "mails").fetch(1)).deliveries
    assert (delivery.attempt, delivery.unsettled) == (2, 1)


async def test_task_is_aborted_in_whatever_queue_it_is(broker: RedisBroker) -> None:
    await broker.kick(message("waits", queue_name="mails"))
    await broker.kick(message("runs", queue_name="reports"))
    (running,) = (await fetcher(broker, "reports").fetch(1)).deliveries

    states = [await broker.request_abort(each) for each in ("waits", "runs", "unknown")]

    assert states == [AbortState.QUEUED, AbortState.RUNNING, AbortState.UNKNOWN]
    marked = broker.aborts()
    assert await anext(marked) == "runs"
    await marked.aclose()
    await broker.renew_leases([running])
    assert running.aborted
    (waiting,) = (await fetcher(broker, "mails").fetch(1)).deliveries
    assert waiting.aborted


async def test_expired_messages_of_every_queue_are_refused(broker: RedisBroker) -> None:
    await send(broker, "mails", 3, expires=0.001)
    await asyncio.sleep(0.01)
    broker.queues = QueueSelection.parse("taskiq,mails")

    expired = await broker.expire_queued()

    assert {each.task_id for each in expired} == {"mails-0", "mails-1", "mails-2"}
    assert all(each.expired for each in expired)


# --- operators ------------------------------------------------------------------------------------


async def test_queue_without_messages_is_empty_and_can_be_paused(broker: RedisBroker) -> None:
    await broker.pause(queue="later")

    assert await broker.is_paused(queue="later")
    assert (await broker.stats(queue="later")).waiting == 0
    assert await broker.purge(queue="later") == 0


async def test_default_queue_is_known_by_its_name(broker: RedisBroker) -> None:
    await broker.kick(message("one"))

    assert await broker.queue_names() == ("taskiq",)
    assert (await broker.stats(queue="taskiq")).waiting == 1
