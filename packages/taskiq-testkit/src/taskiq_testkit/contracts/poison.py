# ruff: noqa: S101  # contract tests assert
"""Records that can't be read: each ends in the dead letters, and holds up nobody."""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.messages.outcomes import Ack
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.harness import BrokerHarness

Planter = Callable[[], Awaitable[None]]
"""Puts one broken record into the store, behind the broker's back."""
SLOTS = 4
OF_EACH = 2 * SLOTS
"""Broken records of each kind: more than a worker has slots for."""


class PoisonContract(BrokerBase):
    """Records that can't be read."""

    @pytest.fixture
    def plant_poison(self) -> Mapping[str, Planter] | None:
        """Planters by the kind of record; None if the store can't be written to directly."""
        return None

    @proves(needs=("plant_poison",))
    async def test_what_cannot_be_read_holds_up_nobody(
        self, harness: BrokerHarness, plant_poison: Mapping[str, Planter]
    ) -> None:
        """Messages among broken records run, the records are buried, and the stream goes on."""
        harness.task("good", _good)
        good = [await harness.call("good")]
        for plant in plant_poison.values():
            for _ in range(OF_EACH):
                await plant()
            good.append(await harness.call("good"))

        receiver_worker = await harness.receiver(slots=SLOTS)

        for task in good:
            assert isinstance(await receiver_worker.outcome_of(task.task_id), Ack)
        if harness.declares(Capability.DEAD_LETTER):
            await _all_are_buried(harness, OF_EACH * len(plant_poison))
        assert receiver_worker.streams == 1, "the broker's stream broke, and was opened again"

    @proves(Capability.DEAD_LETTER, needs=("plant_poison",))
    async def test_letters_that_cannot_be_read_are_purged(
        self, harness: BrokerHarness, plant_poison: Mapping[str, Planter]
    ) -> None:
        """Such letters are listed like others, replaying them harms nobody, and they are purged."""
        for plant in plant_poison.values():
            await plant()
        receiver_worker = await harness.receiver(slots=SLOTS)
        await _all_are_buried(harness, len(plant_poison))
        letters = await harness.broker.dead_letters()

        await harness.broker.replay_dead_letters()
        await _all_are_buried(harness, len(plant_poison))
        left = await harness.broker.dead_letters()
        purged = await harness.broker.purge_dead_letters([left[0].letter_id])
        rest = await harness.broker.purge_dead_letters()

        assert sorted(each.message for each in left) == sorted(each.message for each in letters)
        assert (purged, rest) == (1, len(letters) - 1)
        assert await harness.broker.dead_letters() == []
        assert receiver_worker.streams == 1, "the broker's stream broke, and was opened again"


async def _good() -> None:
    """A task that ends at once."""


async def _all_are_buried(harness: BrokerHarness, count: int) -> None:
    async def are_there() -> bool:
        letters = await harness.broker.dead_letters(limit=count + 1)
        return len(letters) == count and all("unreadable" in each.reason for each in letters)

    await harness.until(are_there, f"the burial of {count} records as unreadable")
