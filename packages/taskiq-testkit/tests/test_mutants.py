"""What is broken on purpose is caught, each fault by the test that is named here."""

import asyncio
import contextlib
import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest

from taskiq_core.brokers.memory_workers import MemoryWorkers
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import TaskiqError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.history import HistoryOptions, HistoryPage
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.message_info import MessagePage, MessageState
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.messages.slots import Slots
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.plugins import load_plugins
from taskiq_testkit import (
    BrokerContract,
    ReferenceBroker,
    ReferenceResultBackend,
    ReferenceScheduleSource,
    ReferenceServer,
    ResultBackendContract,
    ScheduleSourceContract,
)
from taskiq_testkit.cancellation import Moment
from taskiq_testkit.contracts.plugin_spec import check_scheme
from taskiq_testkit.contracts.results import ResultHarness
from taskiq_testkit.contracts.schedules import SourceHarness
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.reference.store import Store
from taskiq_testservers import broken_operations as operations
from taskiq_testservers import broken_stores as broken
from taskiq_testservers.poison import planters

Offer = Callable[..., type[ReferenceBroker]]
LEASE = 0.25
TICK = 0.1
CAUGHT = (AssertionError, TaskiqError, RuntimeError, ValueError, pytest.fail.Exception)
"""How a contract test fails: by itself, or by what the broken thing raises."""
PATIENCE = 1.5
"""Seconds after which a test gives up: a mutant that loses messages lets it wait as long."""


# --- broken clients -------------------------------------------------------------------------------


class Hoards(ReferenceBroker):
    """Fetches more than its worker has slots for."""

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        del slots
        async for delivery in super().deliveries(Slots(100)):
            yield delivery


class LosesOnCancel(ReferenceBroker):
    """Forgets what it fetched and did not yield, and acknowledges what it fetches."""

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        queue = self._queue()
        while True:
            await slots.wait_free()
            for delivery in (await queue.fetch(slots.free)).deliveries:
                if slots.free == 0:
                    return
                await delivery.ack()
                yield delivery
            await queue.wait(PATIENCE)


class SendsAgainWhenCancelled(ReferenceBroker):
    """Is not sure whether the message arrived, so it sends another one."""

    async def kick(self, message: BrokerMessage) -> None:
        try:
            await super().kick(message)
        except asyncio.CancelledError:
            await asyncio.shield(super().kick(message))
            raise


class SwallowsCancellation(ReferenceBroker):
    """Gives a message up without saying so."""

    async def kick(self, message: BrokerMessage) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await super().kick(message)


class SendsOneByOne(ReferenceBroker):
    """Declares BATCH, and inherits what is there without it."""

    kick_many = ReferenceBroker.__mro__[2].kick_many

    async def kick(self, message: BrokerMessage) -> None:
        await ReferenceBroker.kick_many(self, [message])


class StartsOnce(ReferenceBroker):
    """Can't be started again."""

    _is_closed = False

    async def startup(self) -> None:
        if self._is_closed:
            raise RuntimeError("closed")
        await super().startup()

    async def shutdown(self) -> None:
        self._is_closed = True
        await super().shutdown()


class AnswersWhateverItCannot(ReferenceBroker):
    """Declares less than it does: a release is lost without a word."""

    capabilities: ClassVar[Any] = frozenset(Capability) - {Capability.RELEASE, Capability.BROADCAST}


class EndsItsStream(ReferenceBroker):
    """Stops listening at the first failure of its connection."""

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        try:
            async for delivery in super().deliveries(slots):
                yield delivery
        except Exception:  # noqa: BLE001  # the fault that is to be found
            await asyncio.Event().wait()


class RaisesInItsStream(ReferenceBroker):
    """Reads messages before it yields them: one that can't be read breaks the stream."""

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        async for delivery in super().deliveries(slots):
            self.formatter.loads(delivery.data)
            yield delivery


class LooksAtOneQueueFirst(ReferenceBroker):
    """Ignores weights: as long as the first queue has messages, the others get no turn."""

    async def startup(self) -> None:
        if self.queues is not None:
            self.queues = replace(self.queues, is_strict=True)
        await super().startup()


class LooksAtQueuesByWeight(ReferenceBroker):
    """Ignores that an order is strict."""

    async def startup(self) -> None:
        if self.queues is not None:
            self.queues = replace(self.queues, is_strict=False)
        await super().startup()


class TakesAnyQueueName(ReferenceBroker):
    """Sends to the default queue what names none that can be."""

    async def kick(self, message: BrokerMessage) -> None:
        labels = {name: value for name, value in message.labels.items() if value != ""}
        await super().kick(message.model_copy(update={"labels": labels}))


class TakesAnyKeyForTheFirstPage(ReferenceBroker):
    """Begins anew where a key can't be read."""

    async def messages(self, state: MessageState, **options: Any) -> MessagePage:
        with contextlib.suppress(ValueError):
            return await super().messages(state, **options)
        return await super().messages(state)

    async def deliveries_of_past(self, **options: Any) -> HistoryPage:
        with contextlib.suppress(ValueError):
            return await super().deliveries_of_past(**options)
        return await super().deliveries_of_past()


class KeepsRecordsToItself(ReferenceBroker):
    """Lists the workers that this object has heard of."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.known = MemoryWorkers()

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        self.known.announce(record, ttl)

    async def workers(self) -> Sequence[WorkerRecord]:
        return self.known.workers()


class KeepsHistoryUnasked(ReferenceBroker):
    """Costs what nobody has asked for."""

    history = HistoryOptions()


# --- which test catches which ---------------------------------------------------------------------

STORES: list[tuple[type[Store], str]] = [
    (broken.DropsAcknowledgements, "test_acknowledged_is_gone"),
    (broken.DeliversTwice, "test_bulk_arrives_once_each"),
    (broken.CutsPayloads, "test_payload_of_any_size"),
    (broken.WakesNobody, "test_waiting_worker_is_woken"),
    (broken.StoresHalfOfABulk, "test_bulk_arrives_once_each"),
    (broken.IgnoresDelays, "test_delay_is_kept"),
    (broken.DelaysInOrder, "test_shorter_delay_overtakes"),
    (broken.ReleasesAtOnce, "test_release_with_a_delay"),
    (broken.LosesWhatIsReleased, "test_released_comes_again"),
    (broken.LosesWhatWasNotYielded, "test_closed_stream_gives_back"),
    (broken.LosesWhatWasNotYielded, "test_cancelled_fetch"),
    (broken.CountsNoAttempts, "test_released_comes_again"),
    (broken.ForgetsTheUnsettled, "test_unsettled_deliveries_are_counted"),
    (broken.NeverReclaims, "test_lease_runs_out"),
    (broken.ReclaimsButWakesNobody, "test_lease_runs_out"),
    (broken.NeverRenews, "test_renewed_lease_is_kept"),
    (broken.NeverRenews, "test_long_task_with_a_short_lease_runs_once"),
    (broken.LetsAnyoneSettle, "test_late_worker_settles_nothing"),
    (broken.RepeatsFences, "test_fences_grow"),
    (broken.IgnoresPriorities, "test_higher_priority_first"),
    (broken.NeverExpires, "test_expired_is_not_delivered"),
    (broken.IgnoresUniqueKeys, "test_unique_key_is_queued_once"),
    (broken.KeepsUniqueKeys, "test_unique_key_is_free_again"),
    (broken.DropsDeadLetters, "test_buried_is_kept"),
    (broken.ForgetsReasons, "test_reason_and_error_are_kept"),
    (broken.ListsAllLetters, "test_letters_are_listed_in_pages"),
    (broken.KeepsReplayedLetters, "test_replayed_is_a_first_attempt"),
    (broken.PurgesAllLetters, "test_letters_are_purged"),
    (broken.StartsAbortedTasks, "test_delayed_task_is_never_started"),
    (broken.TellsNobodyOfAborts, "test_worker_is_told_of_a_running_task"),
    (broken.RenewsWithoutAWordOfAborts, "test_renewal_tells_of_an_abort"),
    (broken.LosesAbortsAtTheHandOver, "test_abort_at_any_moment_reaches_the_task"),
    (broken.KeepsMarksOfAborts, "test_mark_ends_with_its_message"),
    (broken.CallsEveryTaskQueued, "test_worker_is_told_of_a_running_task"),
    (broken.PurgesWhatRuns, "test_purge_drops_what_waits"),
    (broken.CountsTheDelayedAsWaiting, "test_stats_count_delayed"),
    (broken.ForgetsEverythingAtRestart, "test_restart_loses_nothing"),
    (operations.DeliversExpiredAsUsual, "test_expired_message_is_refused_by_its_worker"),
    (operations.OverlooksTheExpired, "test_expired_is_found_without_a_free_worker"),
    (operations.IgnoresQueueNames, "test_label_chooses_the_queue"),
    (operations.WakesTheDefaultQueueOnly, "test_worker_of_several_queues_is_woken_by_each"),
    (operations.ReleasesToTheDefaultQueue, "test_message_returns_to_its_queue"),
    (operations.CountsAllQueues, "test_queues_are_counted_and_purged_apart"),
    (operations.PurgesAllQueues, "test_queues_are_counted_and_purged_apart"),
    (operations.ReplaysToTheDefaultQueue, "test_dead_letters_of_a_queue"),
    (operations.NamesTheDefaultQueueOnly, "test_queue_that_holds_a_message_is_named"),
    (operations.ListsInReverse, "test_waiting_messages_are_listed"),
    (operations.DeliversWhatItLists, "test_waiting_messages_are_listed"),
    (operations.ForgetsBodies, "test_body_is_told_on_request"),
    (operations.PagesByOffset, "test_pages_are_found_by_key"),
    (operations.NamesTheWrongOwner, "test_delivered_message_is_told_with_its_worker"),
    (operations.ForgetsWhenMessagesAreDue, "test_delayed_messages_are_listed"),
    (operations.MovesAllThatIsDelayed, "test_delayed_message_is_moved_to_now"),
    (operations.ListsInReverse, "test_dead_messages_are_listed"),
    (operations.IgnoresFilters, "test_filters_choose"),
    (operations.ListsTheDefaultQueueOnly, "test_messages_of_a_queue"),
    (operations.KeepsTheFirstRecord, "test_record_takes_the_place_of_the_last_one"),
    (operations.KeepsRecordsForEver, "test_record_ends_by_itself"),
    (operations.ListsTheWithdrawn, "test_withdrawn_worker_is_gone"),
    (operations.WaitsForLeasesOfTheDead, "test_dead_worker_loses_what_it_held"),
    (operations.ReclaimsFromTheLiving, "test_dead_worker_loses_what_it_held"),
    (operations.PausesNothing, "test_paused_queue_hands_out_nothing"),
    (operations.ResumesAndWakesNobody, "test_waiting_worker_is_paused_and_woken"),
    (operations.SaysNothingOfAPause, "test_pause_is_told"),
    (operations.TakesBackWhatRunsInAPause, "test_running_task_goes_on"),
    (operations.ForgetsThePauseAtRestart, "test_pause_survives_a_restart"),
    (operations.PausesEverything, "test_other_queues_are_not_paused"),
    (operations.ListsHistoryInReverse, "test_ended_deliveries_are_listed"),
    (operations.PagesHistoryByNumber, "test_ended_deliveries_are_listed"),
    (operations.IgnoresFiltersOfHistory, "test_deliveries_are_chosen"),
    (operations.KeepsHistoryForEver, "test_only_the_latest_are_kept"),
    (operations.KeepsHistoryForEver, "test_old_deliveries_are_forgotten"),
    (operations.KeepsHistoryForEver, "test_old_counters_are_forgotten"),
    (operations.ReplacesCounters, "test_counters_are_added_up"),
]
BROKERS: list[tuple[type[ReferenceBroker], str]] = [
    (Hoards, "test_no_hoarding_beyond_slots"),
    (LosesOnCancel, "test_unsettled_comes_again"),
    (SendsAgainWhenCancelled, "test_cancelled_kick"),
    (SwallowsCancellation, "test_cancelled_kick"),
    (SendsOneByOne, "test_bulk_is_one_operation"),
    (StartsOnce, "test_startup_and_shutdown_twice"),
    (AnswersWhateverItCannot, "test_released_comes_again"),
    (EndsItsStream, "test_server_restarts"),
    (RaisesInItsStream, "test_what_cannot_be_read_holds_up_nobody"),
    (LooksAtOneQueueFirst, "test_weights_share_the_slots"),
    (LooksAtQueuesByWeight, "test_strict_order"),
    (TakesAnyQueueName, "test_name_that_is_no_name_is_refused"),
    (TakesAnyKeyForTheFirstPage, "test_key_that_is_none_is_refused"),
    (TakesAnyKeyForTheFirstPage, "test_key_of_no_page_is_refused"),
    (KeepsRecordsToItself, "test_announced_worker_is_listed"),
    (KeepsHistoryUnasked, "test_history_is_off_by_default"),
]


class Contract(BrokerContract):
    """The tests, to be called one by one."""

    patience = PATIENCE
    tick = TICK


async def play(name: str, store: Store, broker_class: type[ReferenceBroker]) -> None:
    """Run one test of the contract on a broker of that class, with all its parameters."""
    test = getattr(Contract(), name)
    for fixtures in _parameters(test):
        async with ReferenceServer(store) as server:
            harness = _harness(server, broker_class)
            await harness.open()
            try:
                if "restart_server" in inspect.signature(test).parameters:
                    fixtures["restart_server"] = _restart(server)
                if "plant_poison" in inspect.signature(test).parameters:
                    fixtures["plant_poison"] = planters(server)
                await test(harness=harness, **fixtures)
            finally:
                with contextlib.suppress(RuntimeError):
                    await harness.close()


def _harness(server: ReferenceServer, broker_class: type[ReferenceBroker]) -> BrokerHarness:
    broker = broker_class.from_url(server.url, lease=LEASE)
    results = broker.result_backend
    return BrokerHarness(
        broker,
        make_broker=lambda: broker_class.from_url(server.url, lease=LEASE, result_backend=results),
        broker_factory=None,
        patience=PATIENCE,
        tick=TICK,
        has_workers=True,
    )


def _restart(server: ReferenceServer) -> Callable[[], Awaitable[None]]:
    async def restart() -> None:
        forget = getattr(server.store, "forget", None)
        if forget is not None:
            forget()
        await server.restart()

    return restart


def _parameters(test: Callable[..., Any]) -> list[dict[str, Any]]:
    names = inspect.signature(test).parameters
    if "moment" in names:
        return [{"moment": moment} for moment in Moment]
    return [{"size": 1_000_000}] if "size" in names else [{}]


@pytest.mark.parametrize(
    ("store", "name"), STORES, ids=lambda each: getattr(each, "__name__", each)
)
async def test_broken_store_is_caught(store: type[Store], name: str) -> None:
    with pytest.raises(CAUGHT):
        await play(name, store(lease=LEASE), ReferenceBroker)


@pytest.mark.parametrize(
    ("broker", "name"), BROKERS, ids=lambda each: getattr(each, "__name__", each)
)
async def test_broken_broker_is_caught(broker: type[ReferenceBroker], name: str) -> None:
    with pytest.raises(CAUGHT):
        await play(name, Store(lease=LEASE), broker)


@pytest.mark.parametrize("name", sorted({name for _, name in [*STORES, *BROKERS]}))
async def test_a_sound_broker_is_not(name: str) -> None:
    """With the same short times the same tests pass: it is the fault that they find."""
    await play(name, Store(lease=LEASE), ReferenceBroker)


# --- result backends and schedule sources ---------------------------------------------------------


class LetsLateWorkersStore(ReferenceResultBackend[Any]):
    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        self.fences.clear()
        await super().set_result(task_id, result)


class NeverWakes(ReferenceResultBackend[Any]):
    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        self.waiting.clear()
        await super().set_result(task_id, result)


class TakesNothingForMissing(ReferenceResultBackend[Any]):
    async def is_result_ready(self, task_id: str) -> bool:
        return '"return_value":null' not in self.results.get(task_id, '"return_value":null')


class ForgetsErrors(ReferenceResultBackend[Any]):
    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        await super().set_result(task_id, result.model_copy(update={"error": None}))


class WakesEveryone(ReferenceResultBackend[Any]):
    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        await super().set_result(task_id, result)
        for _, wake in self.waiting:
            wake()


class LetsAllClaim(ReferenceScheduleSource):
    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        return True


class NeverFreesClaims(ReferenceScheduleSource):
    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        self.claim_lease = 1e9
        return await super().claim(schedule_id, tick)


class ForgetsConfirmations(ReferenceScheduleSource):
    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        self.claims.pop((schedule_id, tick), None)


class NamesTheLatestConfirmed(ReferenceScheduleSource):
    async def last_tick(self, schedule_id: str) -> datetime | None:
        return [tick for _, tick in self.confirmed][-1] if self.confirmed else None


class KeepsTheFirst(ReferenceScheduleSource):
    async def add_schedule(self, schedule: Any) -> None:
        if schedule.schedule_id not in self.schedules:
            await super().add_schedule(schedule)


class ListsOnlyWhatFiresOnce(ReferenceScheduleSource):
    async def get_schedules_until(self, moment: datetime) -> list[ScheduledTask]:
        return [each for each in await self.get_schedules() if each.time and each.time <= moment]


class KeepsTheFirstTime(ReferenceScheduleSource):
    async def add_schedule(self, schedule: ScheduledTask) -> None:
        for before in await self.get_schedules():
            if before.schedule_id == schedule.schedule_id and before.time:
                schedule = schedule.model_copy(update={"time": before.time})
        await super().add_schedule(schedule)


class RemembersOtherMoments(ReferenceScheduleSource):
    async def add_schedule(self, schedule: ScheduledTask) -> None:
        self.schedules.pop(schedule.schedule_id, None)
        await super().add_schedule(schedule)


class ForgetsTicksOfWhatIsGone(ReferenceScheduleSource):
    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        if schedule_id in self.schedules:
            await super().confirm(schedule_id, tick)
        else:
            self.claims.pop((schedule_id, tick), None)


class KeepsChangesToItself(ReferenceScheduleSource):
    def notify(self) -> None:
        pass


class TakesWhatNeverFires(ReferenceScheduleSource):
    async def add_schedule(self, schedule: ScheduledTask) -> None:
        self.schedules[schedule.schedule_id] = schedule.model_dump_json()


RESULTS: list[tuple[type[ReferenceResultBackend[Any]], str]] = [
    (LetsLateWorkersStore, "test_later_delivery_stands"),
    (NeverWakes, "test_wait_ends_when_the_result_is_there"),
    (TakesNothingForMissing, "test_any_value"),
    (ForgetsErrors, "test_error_is_kept"),
    (WakesEveryone, "test_wait_does_not_end_early"),
]
SOURCES: list[tuple[type[ReferenceScheduleSource], str]] = [
    (LetsAllClaim, "test_one_scheduler_gets_a_tick"),
    (NeverFreesClaims, "test_claim_of_a_dead_scheduler_is_free_again"),
    (ForgetsConfirmations, "test_confirmed_tick_is_over"),
    (NamesTheLatestConfirmed, "test_last_tick"),
    (KeepsTheFirst, "test_same_id_replaces"),
    (ListsOnlyWhatFiresOnce, "test_what_may_be_due_is_listed"),
    (KeepsTheFirstTime, "test_another_time_replaces"),
    (RemembersOtherMoments, "test_last_tick_says_nothing_of_other_moments"),
    (ForgetsTicksOfWhatIsGone, "test_late_tick_is_sent_once"),
    (KeepsChangesToItself, "test_changes_are_told"),
    (TakesWhatNeverFires, "test_what_would_never_fire_is_refused"),
]


class Results(ResultBackendContract):
    pushes = True


class Sources(ScheduleSourceContract):
    claim_lease = LEASE
    tells_changes = True


async def play_results(name: str, backend: ReferenceResultBackend[Any]) -> None:
    """Run one test of the contract of result backends."""
    test = getattr(Results(), name)
    fixtures = {"value": None} if "value" in inspect.signature(test).parameters else {}
    await test(harness=ResultHarness(backend, PATIENCE, interval=1_000.0), **fixtures)


async def play_source(name: str, source: ReferenceScheduleSource) -> None:
    """Run one test of the contract of schedule sources."""
    await getattr(Sources(), name)(harness=SourceHarness(source, PATIENCE))


@pytest.mark.parametrize(("backend", "name"), RESULTS)
async def test_broken_result_backend_is_caught(
    backend: type[ReferenceResultBackend[Any]], name: str
) -> None:
    await play_results(name, ReferenceResultBackend())
    with pytest.raises(CAUGHT):
        await play_results(name, backend())


@pytest.mark.parametrize(("source", "name"), SOURCES)
async def test_broken_schedule_source_is_caught(
    source: type[ReferenceScheduleSource], name: str
) -> None:
    await play_source(name, ReferenceScheduleSource(claim_lease=LEASE))
    with pytest.raises(CAUGHT):
        await play_source(name, source(claim_lease=LEASE))


# --- plugins --------------------------------------------------------------------------------------

PLUGIN = """
from taskiq_core.plugins import BrokerSpec, Capability, hookimpl

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_brokers():
    return [
        BrokerSpec(
            name="offered",
            schemes=("offered",),
            factory="offered_broker:OfferedBroker",
            capabilities=frozenset(Capability) - {{Capability.BROADCAST{others}}},
        )
    ]
"""
BROKER = """
from taskiq_testkit import ReferenceBroker


class OfferedBroker(ReferenceBroker):
    pass
"""


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Offer]:
    """Install a plugin whose spec lacks some capabilities; the class that it offers."""

    def install(others: str = "") -> type[ReferenceBroker]:
        info = tmp_path / "offered_broker-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: offered-broker\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text("[taskiq]\noffered = offered_broker.plugin\n")
        package = tmp_path / "offered_broker"
        package.mkdir()
        (package / "__init__.py").write_text(BROKER)
        (package / "plugin.py").write_text(PLUGIN.format(others=others))
        monkeypatch.syspath_prepend(tmp_path)
        offered: type[ReferenceBroker] = import_module("offered_broker").OfferedBroker
        return offered

    yield install
    for name in ("offered_broker", "offered_broker.plugin"):
        sys.modules.pop(name, None)


SPEC_TEST = "test_plugin_declares_what_the_class_does"


async def test_plugin_that_declares_the_same_is_fine(offer: Offer) -> None:
    await play(SPEC_TEST, Store(lease=LEASE), offer())


async def test_plugin_that_declares_less_than_its_class_is_caught(offer: Offer) -> None:
    broker_class = offer(", Capability.LEASE")

    with pytest.raises(AssertionError, match=r"only the spec has \[\], only the class has .*lease"):
        await play(SPEC_TEST, Store(lease=LEASE), broker_class)


async def test_plugin_that_declares_more_than_its_class_is_caught(
    offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker_class = offer()
    fewer = frozenset(Capability) - {Capability.BROADCAST, Capability.DELAY}
    monkeypatch.setattr(broker_class, "capabilities", fewer)

    with pytest.raises(AssertionError, match=r"only the spec has .*delay.*only the class has \[\]"):
        await play(SPEC_TEST, Store(lease=LEASE), broker_class)


def test_scheme_that_leads_to_another_class_is_caught(offer: Offer) -> None:
    offer()

    with pytest.raises(AssertionError, match=r"'offered' lead to .*, not to ReferenceBroker"):
        check_scheme(load_plugins(), "offered", ReferenceBroker)
