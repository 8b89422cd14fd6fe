"""Messages are stored once, with what their labels ask for."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from taskiq_core.exceptions import SendTaskError
from taskiq_sqlite import (
    DuplicateKeyError,
    MessageTooLargeError,
    SQLiteBroker,
)
from taskiq_testservers.sqlite_workers import Inbox, message

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]


class TestSending:
    async def test_what_is_sent_is_delivered(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("a", b"\x00\xff" + "\u00fc".encode()))

        delivery = await inbox.next()

        assert delivery.data == b"\x00\xff" + "\u00fc".encode()
        assert (delivery.attempt, delivery.unsettled, delivery.aborted) == (1, 0, False)
        assert delivery.lease == broker.lease

    @pytest.mark.parametrize("size", [0, 1, 1_000_000])
    async def test_sizes(self, broker: SQLiteBroker, inbox: Inbox, size: int) -> None:
        await broker.kick(message(body=b"x" * size))

        assert len((await inbox.next()).data) == size

    async def test_a_message_that_is_too_large_is_refused(self, make_broker: MakeBroker) -> None:
        broker = make_broker(max_message_size=10)

        with pytest.raises(MessageTooLargeError) as caught:
            await broker.kick(message(body=b"x" * 11))

        assert (caught.value.size, caught.value.limit) == (11, 10)

    async def test_many_at_once(self, broker: SQLiteBroker, make_inbox: MakeInbox) -> None:
        await broker.kick_many([])
        await broker.kick_many([message(str(n), str(n).encode()) for n in range(300)])

        got = await make_inbox(broker, 300).take(300)

        assert [delivery.data for delivery in got] == [str(n).encode() for n in range(300)]

    async def test_a_waiting_listener_is_woken(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        waiting = asyncio.create_task(inbox.next())
        await broker.stats()  # the listener's fetch went first

        await broker.kick(message())

        assert (await waiting).data == b"body"

    async def test_works_without_startup_and_after_shutdown(self, broker: SQLiteBroker) -> None:
        await broker.kick(message("a"))
        await broker.shutdown()
        await broker.kick(message("b"))

        assert (await broker.stats()).waiting == 2

    async def test_startup_and_shutdown_twice(self, broker: SQLiteBroker) -> None:
        for _ in range(2):
            await broker.startup()
            await broker.startup()
            await broker.kick(message())
            await broker.shutdown()
            await broker.shutdown()

        assert (await broker.stats()).waiting == 2

    @pytest.mark.parametrize(
        "labels",
        [
            {"delay": "soon"},
            {"delay": float("nan")},
            {"expires": 1e12},
            {"priority": "high"},
            {"priority": 2**40},
            {"priority": float("inf")},
        ],
    )
    async def test_labels_that_make_no_sense_are_refused(
        self, broker: SQLiteBroker, labels: dict[str, Any]
    ) -> None:
        with pytest.raises(SendTaskError, match=f"its label '{next(iter(labels))}' is"):
            await broker.kick(message(**labels))

        assert (await broker.stats()).waiting == 0


class TestUniqueKeys:
    async def test_a_second_one_is_refused_until_the_first_has_ended(
        self, broker: SQLiteBroker, inbox: Inbox
    ) -> None:
        await broker.kick(message("a", unique_key="k"))
        with pytest.raises(DuplicateKeyError) as caught:
            await broker.kick(message("b", unique_key="k"))
        assert caught.value.holder == "a"
        delivery = await inbox.next()
        with pytest.raises(DuplicateKeyError):
            await broker.kick(message("b", unique_key="k"))

        await delivery.ack()

        await broker.kick(message("b", unique_key="k"))

    async def test_of_many_all_or_none_are_sent(self, broker: SQLiteBroker) -> None:
        many = [message("a"), message("b", unique_key="k"), message("c", unique_key="k")]
        with pytest.raises(DuplicateKeyError) as caught:
            await broker.kick_many(many)
        assert caught.value.holder == "b"
        assert (await broker.stats()).waiting == 0

    async def test_those_of_one_transaction_see_each_other(self, broker: SQLiteBroker) -> None:
        outcomes = await asyncio.gather(
            *(broker.kick(message(str(n), unique_key=str(n % 2))) for n in range(6)),
            return_exceptions=True,
        )

        assert [each is None for each in outcomes] == [True, True] + [False] * 4
        assert (await broker.stats()).waiting == 2

    async def test_dead_letters_do_not_hold_a_key(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("a", unique_key="k"))
        await (await inbox.next()).bury("no")
        await broker.kick(message("b", unique_key="k"))

        assert await broker.replay_dead_letters() == 0

        assert (await broker.stats()).dead == 1
        await (await inbox.next()).ack()
        assert await broker.replay_dead_letters() == 1
