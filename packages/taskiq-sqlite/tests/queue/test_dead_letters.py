"""Dead letters are listed, replayed and purged."""

from collections.abc import Callable

from taskiq_core.messages.result import TaskiqResult
from taskiq_sqlite import (
    SQLiteBroker,
)
from taskiq_testservers.sqlite_workers import Inbox, message

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]


class TestDeadLetters:
    async def bury(self, broker: SQLiteBroker, inbox: Inbox, count: int) -> None:
        await broker.kick_many([message(str(n), str(n).encode()) for n in range(count)])
        for delivery in await inbox.take(count):
            await delivery.bury("no")
            inbox.slots.release()

    async def test_are_listed_in_pages(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await self.bury(broker, inbox, 5)

        first = await broker.dead_letters(limit=3)
        rest = await broker.dead_letters(limit=3, offset=3)

        assert [letter.task_id for letter in [*first, *rest]] == list("01234")

    async def test_are_replayed_as_new_messages(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("a", b"x", priority=3, expires=1000))
        delivery = await inbox.next()

        result: TaskiqResult[None] = TaskiqResult(
            is_err=True, return_value=None, execution_time=0, error=ValueError()
        )
        await broker.result_backend.set_result("a", result)
        await delivery.bury("no")

        assert await broker.replay_dead_letters() == 1

        assert not await broker.result_backend.is_result_ready("a")
        again = await inbox.next()
        assert (again.data, again.attempt, again.unsettled) == (b"x", 1, 0)
        assert (await broker.stats()).dead == 0

    async def test_some_are_replayed_or_purged(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await self.bury(broker, inbox, 4)
        ids = [letter.letter_id for letter in await broker.dead_letters()]

        assert await broker.replay_dead_letters([ids[1], "nonsense", "99"]) == 1
        assert await broker.purge_dead_letters([ids[0], ids[1]]) == 1

        assert [letter.letter_id for letter in await broker.dead_letters()] == ids[2:]
        assert await broker.purge_dead_letters() == 2
