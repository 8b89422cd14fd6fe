"""Lots of items come no faster than the rate."""

import asyncio

import pytest

from taskiq_cli.commands.paced import LOT, paced


async def lots(count: int, rate: float | None) -> list[int]:
    return [len(lot) async for lot in paced([str(number) for number in range(count)], rate)]


async def test_without_a_rate_lots_are_as_large_as_may_be() -> None:
    assert await lots(LOT + 1, None) == [LOT, 1]


async def test_no_item_comes_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is that of the loop: what is slept is counted, and does not pass."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)

    assert await lots(5, 20.0) == [2, 2, 1]
    assert slept[0] == 0.0
    assert slept[1] == pytest.approx(0.1, abs=0.05)
    assert slept[2] == pytest.approx(0.2, abs=0.05)
