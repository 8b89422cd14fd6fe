"""Results are kept in bounds, and wake the callers that wait for them."""

import asyncio

import pytest

from taskiq_zmq.errors import ResultDroppedError, ResultMissingError, ResultsClosedError
from taskiq_zmq.result_store import ResultStore


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


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
