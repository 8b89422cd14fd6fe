"""Senders wait for free places, first come first served."""

import asyncio

import pytest

from taskiq_zmq.client.gate import Gate


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
