"""The small parts: outbox, gate, result store, quiet log, addresses, timers."""

import asyncio
import logging
import time

import pytest

from taskiq_zmq.client.gate import Gate
from taskiq_zmq.client.timers import Timers
from taskiq_zmq.errors import (
    AddressError,
    ResultDroppedError,
    ResultMissingError,
    ResultsClosedError,
)
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.frames import MAX_RECORDS, decode_batch
from taskiq_zmq.protocol.outbox import BATCH_BYTES, Outbox
from taskiq_zmq.result_store import ResultStore
from taskiq_zmq.transport.addresses import Address, parse_address, resolve
from taskiq_zmq.transport.curve import CurveKeys
from taskiq_zmq.transport.rate_limited_log import PERIOD, RateLimitedLog
from taskiq_zmq.transport.wire import Heartbeats


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drain(outbox: Outbox) -> list[list[records.Record]]:
    batches = []
    while (batch := outbox.peek()) is not None:
        batches.append(decode_batch(batch)[1])
        outbox.drop_first()
    return batches


class TestOutbox:
    def test_what_is_said_in_one_turn_is_one_batch_with_the_acks_behind(self) -> None:
        outbox = Outbox(3)
        outbox.add_ack(1)
        outbox.add(records.Result(1, "id", b"x"))
        outbox.add_ack(2)

        assert drain(outbox) == [[records.Result(1, "id", b"x"), records.Acks((1, 2))]]
        assert outbox.peek() is None

    def test_a_batch_that_was_not_taken_is_offered_again(self) -> None:
        outbox = Outbox(3)
        outbox.add(records.Want())

        assert outbox.peek() == outbox.peek()

    def test_large_records_make_several_batches(self) -> None:
        outbox = Outbox(0)
        for _ in range(3):
            outbox.add(records.Result(1, "id", bytes(BATCH_BYTES // 2 + 1)))

        assert [len(batch) for batch in drain(outbox)] == [1, 1, 1]

    def test_no_batch_has_more_records_than_may_be_read(self) -> None:
        outbox = Outbox(0)
        for _ in range(MAX_RECORDS * 2):
            outbox.add(records.Want())
        outbox.add_ack(1)

        assert sum(len(batch) for batch in drain(outbox)) == MAX_RECORDS * 2 + 1


class TestGate:
    async def test_senders_pass_in_the_order_they_came(self) -> None:
        room, order = [0], []
        gate = Gate(lambda: room[0])

        async def sender(number: int) -> None:
            await gate.enter(10)
            room[0] -= 1
            order.append(number)

        tasks = [asyncio.create_task(sender(number)) for number in range(4)]
        await asyncio.sleep(0)
        assert gate.waiting == 4
        room[0] = 2
        gate.open()
        await asyncio.gather(*tasks[:2])
        room[0] = 2
        gate.open()
        await asyncio.gather(*tasks)

        assert order == [0, 1, 2, 3]

    async def test_a_sender_that_gives_up_leaves_its_turn_to_the_next(self) -> None:
        room = [0]
        gate = Gate(lambda: room[0])
        first = asyncio.create_task(gate.enter(10))
        second = asyncio.create_task(gate.enter(10))
        await asyncio.sleep(0)
        room[0] = 1
        gate.open()

        first.cancel()

        await second
        assert first.cancelled()
        assert gate.waiting == 0

    async def test_without_room_in_time_it_says_so_and_forgets_the_sender(self) -> None:
        gate = Gate(lambda: 0)

        with pytest.raises(TimeoutError):
            await gate.enter(0.01)

        assert gate.waiting == 0


class TestResultStore:
    def store(self, clock: Clock | None = None) -> ResultStore:
        store = ResultStore(max_results=2, ttl=10, clock=clock or Clock())
        store.open()
        return store

    async def test_those_who_wait_are_woken(self) -> None:
        store = self.store()
        waiting = [asyncio.create_task(store.wait("a")) for _ in range(2)]
        await asyncio.sleep(0)
        assert list(store.awaited) == ["a"]

        store.put("a", b"x")

        assert await asyncio.gather(*waiting) == [b"x", b"x"]
        assert not store.awaited

    async def test_who_stops_waiting_is_forgotten(self) -> None:
        store = self.store()
        waiting = asyncio.create_task(store.wait("a"))
        await asyncio.sleep(0)

        waiting.cancel()
        await asyncio.wait([waiting])

        assert not store.awaited
        store.put("a", b"x")
        assert store.get("a") == b"x"

    async def test_the_oldest_is_dropped_for_the_newest_and_that_is_said(self) -> None:
        store = self.store()
        for name in "abc":
            store.put(name, name.encode())

        with pytest.raises(ResultDroppedError, match="latest 2 are kept"):
            await store.wait("a")
        with pytest.raises(ResultMissingError):
            store.get("d")
        assert store.get("c") == b"c"

    def test_results_expire(self) -> None:
        clock = Clock()
        store = self.store(clock)
        store.put("a", b"x")
        clock.now = 11

        with pytest.raises(ResultDroppedError):
            store.get("a")

    async def test_nobody_waits_for_a_broker_that_is_not_running(self) -> None:
        store = self.store()
        waiting = asyncio.create_task(store.wait("a"))
        await asyncio.sleep(0)

        store.close()

        with pytest.raises(ResultsClosedError):
            await waiting
        with pytest.raises(ResultsClosedError):
            await store.wait("b")

    def test_progress_is_bounded(self) -> None:
        store = self.store()
        for name in "abc":
            store.put_progress(name, name.encode())

        assert [store.get_progress(name) for name in "abc"] == [None, b"b", b"c"]


def test_warnings_of_one_kind_are_counted_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = RateLimitedLog(logging.getLogger("test"), clock)
    for number in range(5):
        log.warning("dropped %d", number)
    log.warning("another %s", "kind")
    clock.now = PERIOD
    log.warning("dropped %d", 9)

    assert caplog.messages == ["dropped 0", "another kind", "dropped 9 (and 4 more like it)"]


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("tcp://127.0.0.1:5555", Address(host="127.0.0.1", port=5555)),
            ("tcp://*:0", Address(host="*", port=0)),
            ("tcp://localhost:*", Address(host="localhost", port=0)),
            ("tcp://[::1]:80", Address(host="::1", port=80)),
            ("ipc:///tmp/x", Address(path="/tmp/x")),
        ],
    )
    def test_good_ones(self, text: str, address: Address) -> None:
        assert parse_address(text, broker="B") == address
        assert parse_address(str(address), broker="B") == address

    @pytest.mark.parametrize(
        "text",
        [
            *("", "tcp://", "tcp://host", "tcp://:5555", "tcp://h:x", "tcp://h:-1"),
            *("tcp://h:65536", "http://h:1", "ipc://", "127.0.0.1:5555", "tcp://h:5 "),
        ],
    )
    def test_bad_ones_are_named(self, text: str) -> None:
        with pytest.raises(AddressError, match="tcp://host:port") as caught:
            parse_address(text, broker="B")

        assert repr(text) in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "is_local"),
        [
            ("tcp://127.0.0.1:1", True),
            ("tcp://127.9.9.9:1", True),
            ("tcp://localhost:1", True),
            ("tcp://[::1]:1", True),
            ("ipc:///x", True),
            ("tcp://0.0.0.0:1", False),
            ("tcp://*:1", False),
            ("tcp://host:1", False),
        ],
    )
    def test_what_stays_on_this_machine(self, text: str, is_local: bool) -> None:
        assert parse_address(text, broker="B").is_local is is_local

    async def test_localhost_is_an_ipv4_address(self) -> None:
        resolved = await resolve(Address(host="localhost", port=1), broker="B")

        assert resolved == Address(host="127.0.0.1", port=1)

    async def test_a_name_that_does_not_exist_is_an_error(self) -> None:
        with pytest.raises(AddressError, match=r"'no-such-host\.invalid' can't be resolved"):
            await resolve(Address(host="no-such-host.invalid", port=1), broker="B")


async def test_a_timer_fires_once_at_the_earliest_time() -> None:
    timers, fired, done = Timers(), [], asyncio.Event()
    started = time.monotonic()

    def fire() -> None:
        fired.append("x")
        done.set()

    timers.set("x", 60, fire)
    timers.set("x", 0.01, fire)
    timers.set("x", 30, fire)
    await done.wait()

    assert fired == ["x"]
    assert time.monotonic() - started < 30
    timers.set("x", 0, fire)
    timers.cancel()
    await asyncio.sleep(0.01)
    assert fired == ["x"]


def test_heartbeats_that_can_not_work_are_refused() -> None:
    with pytest.raises(ValueError, match="below timeout"):
        Heartbeats(interval=3, timeout=3)


@pytest.mark.parametrize("key", [b"short", "x" * 40])
def test_keys_of_the_wrong_form_are_refused_by_name(key: bytes) -> None:
    with pytest.raises(ValueError, match="worker_secret must be bytes of 40 characters"):
        CurveKeys(worker_secret=key)


def test_secret_keys_are_not_shown() -> None:
    keys = CurveKeys.generate()

    assert str(keys.server_secret) not in repr(keys)
    assert str(keys.worker_secret) not in repr(keys)
