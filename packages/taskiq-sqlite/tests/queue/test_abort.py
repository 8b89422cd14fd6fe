"""Aborts reach queued and running tasks."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import pytest

from taskiq_core.brokers.leased_delivery import LeasedDelivery
from taskiq_core.messages.aborts import AbortState
from taskiq_sqlite import (
    SQLiteBroker,
)
from taskiq_testservers.sqlite_workers import PATIENCE, Inbox, message

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]


class TestAborts:
    async def test_of_unknown_tasks(self, broker: SQLiteBroker) -> None:
        assert await broker.request_abort("nobody") is AbortState.UNKNOWN

    @pytest.mark.parametrize("delay", [0, 1000])
    async def test_queued_ones_are_delivered_first_and_say_so(
        self, broker: SQLiteBroker, inbox: Inbox, delay: float
    ) -> None:
        await broker.kick(message("other", priority=9))
        await broker.kick(message("a", delay=delay))

        assert await broker.request_abort("a") is AbortState.QUEUED

        delivery = await inbox.next()
        assert isinstance(delivery, LeasedDelivery)
        assert (delivery.task_id, delivery.aborted) == ("a", True)
        assert not (await inbox.next()).aborted

    async def test_workers_hear_of_running_ones(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker, other = make_broker(poll_interval=60.0), make_broker()
        await broker.kick(message("a"))
        await make_inbox(broker).next()
        async with aclosing(broker.aborts()) as aborts:
            heard = asyncio.ensure_future(anext(aborts))
            await broker.stats()

            assert await other.request_abort("a") is AbortState.RUNNING

            assert await asyncio.wait_for(heard, PATIENCE) == "a"
        async with aclosing(broker.aborts()) as aborts:  # opened again: heard again
            assert await asyncio.wait_for(anext(aborts), PATIENCE) == "a"

    async def test_the_mark_survives_a_release(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("a"))
        delivery = await inbox.next()
        await broker.request_abort("a")

        await delivery.release(1000)

        assert (await inbox.next()).aborted
