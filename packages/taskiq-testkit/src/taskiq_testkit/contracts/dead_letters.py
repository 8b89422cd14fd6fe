# ruff: noqa: S101  # contract tests assert
"""Dead letters: kept, listed, replayed and purged."""

from datetime import UTC, datetime, timedelta

from taskiq_core.capabilities import Capability
from taskiq_core.messages.queue_stats import DeadLetter
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.probe import PROBE, Worker, formatted

UNKNOWN = ["0", "no such letter"]


class DeadLetterContract(BrokerBase):
    """Dead letters."""

    @proves(Capability.DEAD_LETTER)
    async def test_buried_is_kept(self, harness: BrokerHarness) -> None:
        """A dead letter says which message it was, why, when, and after how many deliveries."""
        before = datetime.now(UTC) - timedelta(seconds=1)
        worker = await harness.worker()
        task_id = await harness.kick("spoilt")

        await (await worker.next()).bury("spoilt", "ValueError: no")

        (letter,) = await _buried(harness, 1)
        expected = formatted(harness.broker, "spoilt", task_id)
        assert (letter.task_id, letter.task_name) == (task_id, PROBE)
        assert letter.message == expected.message
        assert (letter.attempt, bool(letter.reason)) == (1, True)
        assert before < letter.buried_at < datetime.now(UTC) + timedelta(seconds=1)
        await harness.is_empty(worker)

    @proves(Capability.DEAD_LETTER, needs=WORKERS)
    async def test_reason_and_error_are_kept(self, harness: BrokerHarness) -> None:
        """Reason and error are what the worker gave; an error is optional."""
        worker = await harness.stream()
        for text in ("with error", "without"):
            await harness.send(text)
            error = "ValueError: \u4e0d" if text == "with error" else None
            await (await worker.next()).bury(f"reason {text}", error)

        letters = await _buried(harness, 2)

        assert [(each.reason, each.error) for each in letters] == [
            ("reason with error", "ValueError: \u4e0d"),
            ("reason without", None),
        ]

    @proves(Capability.DEAD_LETTER)
    async def test_letters_are_listed_in_pages(self, harness: BrokerHarness) -> None:
        """Those buried first come first; `limit` and `offset` choose a page."""
        ids = await _bury(harness, await harness.worker(), 5)

        pages = [
            await harness.broker.dead_letters(limit=2, offset=offset) for offset in (0, 2, 4, 6)
        ]

        assert [[each.task_id for each in page] for page in pages] == [
            ids[:2],
            ids[2:4],
            ids[4:],
            [],
        ]

    @proves(Capability.DEAD_LETTER)
    async def test_replayed_is_a_first_attempt(self, harness: BrokerHarness) -> None:
        """A dead letter that is replayed is delivered again, once, as attempt 1."""
        worker = await harness.worker()
        (task_id,) = await _bury(harness, worker, 1)

        replayed = await harness.broker.replay_dead_letters()

        held = await worker.next()
        assert (replayed, held.task_id, held.attempt) == (1, task_id, 1)
        assert await harness.broker.dead_letters() == []
        await held.ack()
        await harness.is_empty(worker)

    @proves(Capability.DEAD_LETTER)
    async def test_some_letters_are_replayed(self, harness: BrokerHarness) -> None:
        """Only the letters that are named are replayed; unknown ids are ignored."""
        worker = await harness.worker(3)
        ids = await _bury(harness, worker, 3)
        letters = await harness.broker.dead_letters()

        replayed = await harness.broker.replay_dead_letters(
            [letters[0].letter_id, letters[2].letter_id, *UNKNOWN]
        )

        taken = await harness.gather(worker, 2)
        assert replayed == 2  # noqa: PLR2004  # those named
        assert {held.task_id for held in taken} == {ids[0], ids[2]}
        assert [each.task_id for each in await harness.broker.dead_letters()] == [ids[1]]

    @proves(Capability.DEAD_LETTER)
    async def test_letters_are_purged(self, harness: BrokerHarness) -> None:
        """Letters are forgotten, some or all, and are never delivered again."""
        worker = await harness.worker()
        ids = await _bury(harness, worker, 3)
        letters = await harness.broker.dead_letters()

        some = await harness.broker.purge_dead_letters([letters[1].letter_id, *UNKNOWN])
        left = [each.task_id for each in await harness.broker.dead_letters()]
        rest = await harness.broker.purge_dead_letters()

        assert (some, left, rest) == (1, [ids[0], ids[2]], 2)
        assert await harness.broker.dead_letters() == []
        assert await harness.broker.replay_dead_letters() == 0
        await harness.is_empty(worker)


async def _bury(harness: BrokerHarness, worker: Worker, count: int) -> list[str]:
    """Bury messages one after the other; their task ids."""
    ids: list[str] = []
    for number in range(count):
        ids.append(await harness.send(str(number)))
        await (await worker.next()).bury("for the test")
        await _buried(harness, number + 1)
    return ids


async def _buried(harness: BrokerHarness, count: int) -> list[DeadLetter]:
    """The dead letters, when there are so many."""

    async def are_there() -> list[DeadLetter]:
        letters = await harness.broker.dead_letters()
        return letters if len(letters) == count else []

    found: list[DeadLetter] = await harness.until(are_there, f"the burial of {count} messages")
    return found
