"""PerLoop: one value for each event loop."""

import asyncio
import gc
import threading
import weakref
from itertools import count

import pytest

from taskiq_core.brokers.per_loop import PerLoop


class Connection:
    """Something that belongs to a loop."""


async def test_one_loop_has_one_value() -> None:
    per_loop = PerLoop(Connection)

    assert per_loop.get() is per_loop.get()


def test_loops_one_after_the_other_have_their_own() -> None:
    numbers = count(1)
    per_loop = PerLoop(lambda: next(numbers))

    async def twice() -> tuple[int, int]:
        return per_loop.get(), per_loop.get()

    assert [asyncio.run(twice()) for _ in range(3)] == [(1, 1), (2, 2), (3, 3)]


def test_loops_side_by_side_have_their_own() -> None:
    per_loop = PerLoop(Connection)
    meeting = threading.Barrier(2)
    seen: list[Connection] = []

    async def get_beside_the_other() -> None:
        seen.append(per_loop.get())
        meeting.wait(10)
        assert per_loop.get() in seen

    threads = [
        threading.Thread(target=asyncio.run, args=(get_beside_the_other(),)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(seen)) == 2


async def test_value_that_was_taken_out_is_made_anew() -> None:
    per_loop = PerLoop(Connection)
    first = per_loop.get()

    assert per_loop.pop() is first
    assert per_loop.pop() is None
    assert per_loop.get() is not first


def test_value_of_a_loop_that_is_gone_is_not_kept() -> None:
    per_loop = PerLoop(Connection)

    async def get() -> "weakref.ref[Connection]":
        return weakref.ref(per_loop.get())

    value = asyncio.run(get())
    gc.collect()

    assert value() is None


def test_outside_of_a_loop_there_is_no_value() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        PerLoop(Connection).get()
