"""Whatever happens, and in whatever order: each message is in exactly one place."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from taskiq_core.messages.aborts import AbortState
from taskiq_zmq.backlogs import Account, CopiedBacklog, QueuedTask, SharedBacklog
from taskiq_zmq.ledger import Ledger


def task(task_id: str = "id") -> QueuedTask:
    return QueuedTask(task_id, "name", b"body")


def shared() -> Ledger:
    return Ledger(SharedBacklog())


class LedgerMachine(RuleBasedStateMachine):
    """A model that knows only which ids are under way, and how often each was delivered."""

    accounts = Bundle("accounts")
    deliveries = Bundle("deliveries")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(SharedBacklog(), max_dead_letters=10_000)
        self.now = 0.0
        self.sent = 0
        self.alive: set[str] = set()
        self.dead = 0
        self.delivered: Counter[str] = Counter()

    @rule(delay=st.sampled_from([None, 1.0, 5.0]))
    def put(self, delay: float | None) -> None:
        self.sent += 1
        self.alive.add(str(self.sent))
        self.ledger.put(task(str(self.sent)), None if delay is None else self.now + delay)

    @rule(target=accounts)
    def join(self) -> Account:
        return self.ledger.join("worker")

    @rule(account=accounts, total=st.integers(0, 20))
    def grant(self, account: Account, total: int) -> None:
        self.ledger.grant(account, total)

    @rule(account=accounts)
    def recall(self, account: Account) -> None:
        assert self.ledger.recall(account) <= account.sent

    @rule(target=deliveries, passed=st.floats(0, 3))
    def dispatch(self, passed: float) -> MultipleResults[tuple[Account, int, str]]:
        self.now += passed
        sent = list(self.ledger.dispatch(self.now))
        for account, _, one in sent:
            assert account in self.ledger.accounts
            assert account.sent <= account.granted
            self.delivered[one.task_id] += 1
            assert one.attempt == self.delivered[one.task_id]
        return multiple(*((account, tag, one.task_id) for account, tag, one in sent))

    def holds(self, delivery: tuple[Account, int, str]) -> bool:
        account, tag, _ = delivery
        return tag in account.held

    @rule(delivery=deliveries)
    def ack(self, delivery: tuple[Account, int, str]) -> None:
        held = self.holds(delivery)
        assert self.ledger.ack(*delivery[:2]) is held
        if held:
            self.alive.remove(delivery[2])

    @rule(delivery=deliveries, other=accounts)
    def ack_of_another(self, delivery: tuple[Account, int, str], other: Account) -> None:
        if other is not delivery[0]:
            assert not self.ledger.ack(other, delivery[1])

    @rule(delivery=deliveries, delay=st.sampled_from([None, 2.0]))
    def release(self, delivery: tuple[Account, int, str], delay: float | None) -> None:
        held = self.holds(delivery)
        due = None if delay is None else self.now + delay
        assert self.ledger.release(*delivery[:2], due) is held

    @rule(delivery=deliveries)
    def give_back(self, delivery: tuple[Account, int, str]) -> None:
        held = self.holds(delivery)
        assert self.ledger.give_back(*delivery[:2]) is held
        if held:
            self.delivered[delivery[2]] -= 1

    @rule(delivery=deliveries)
    def bury(self, delivery: tuple[Account, int, str]) -> None:
        held = self.holds(delivery)
        assert self.ledger.bury(*delivery[:2], "reason") is held
        if held:
            self.alive.remove(delivery[2])
            self.dead += 1

    @rule(account=consumes(accounts))
    def leave(self, account: Account) -> None:
        self.ledger.leave(account)
        assert not account.held

    @invariant()
    def every_message_is_in_one_place(self) -> None:
        found = Counter(one.task_id for one in self.ledger.unfinished())
        assert found == Counter(self.alive)
        assert len(self.ledger.dead) == self.dead
        counts = self.ledger.waiting + self.ledger.delayed + self.ledger.held
        assert counts == len(self.alive)
        assert self.ledger.is_idle is not bool(self.alive)


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_messages_are_spread_over_workers() -> None:
    ledger = shared()
    first, second = ledger.join("first"), ledger.join("second")
    ledger.grant(first, 10)
    ledger.grant(second, 10)
    for number in range(6):
        ledger.put(task(str(number)))

    list(ledger.dispatch(0))

    assert (len(first.held), len(second.held)) == (3, 3)


def test_one_message_at_a_time_goes_to_each_in_turn() -> None:
    ledger = shared()
    workers = [ledger.join(name) for name in "abc"]
    for worker in workers:
        ledger.grant(worker, 10)

    for _ in range(6):
        ledger.put(task())
        for account, tag, _ in list(ledger.dispatch(0)):
            ledger.ack(account, tag)

    assert [worker.sent for worker in workers] == [2, 2, 2]


def test_a_lost_workers_messages_go_before_those_that_wait_and_count_as_unsettled() -> None:
    ledger = shared()
    first = ledger.join("first")
    ledger.grant(first, 2)
    for name in "abc":
        ledger.put(task(name))
    list(ledger.dispatch(0))

    assert ledger.leave(first) == 2
    second = ledger.join("second")
    ledger.grant(second, 3)
    again = [one for _, _, one in ledger.dispatch(0)]

    assert [one.task_id for one in again] == ["a", "b", "c"]
    assert [(one.attempt, one.unsettled) for one in again] == [(2, 1), (2, 1), (1, 0)]


def test_a_message_that_was_not_begun_is_first_in_line_and_its_delivery_does_not_count() -> None:
    ledger = shared()
    worker = ledger.join("worker")
    ledger.grant(worker, 1)
    ledger.put(task("a"))
    ledger.put(task("b"))
    [(_, tag, _)] = ledger.dispatch(0)

    ledger.give_back(worker, tag)
    ledger.grant(worker, 2)
    [(_, _, again)] = ledger.dispatch(0)

    assert (again.task_id, again.attempt, again.unsettled) == ("a", 1, 0)


def test_a_released_message_waits_behind_the_others() -> None:
    ledger = shared()
    worker = ledger.join("worker")
    ledger.grant(worker, 1)
    ledger.put(task("a"))
    ledger.put(task("b"))
    [(_, tag, _)] = ledger.dispatch(0)

    ledger.release(worker, tag, None)
    ledger.grant(worker, 3)

    assert [one.task_id for _, _, one in ledger.dispatch(0)] == ["b", "a"]


def test_a_delayed_message_is_delivered_when_it_is_due_and_not_before() -> None:
    ledger = shared()
    ledger.grant(ledger.join("worker"), 10)
    ledger.put(task(), due=5.0)

    assert ledger.next_due == 5.0
    assert not list(ledger.dispatch(4.9))
    assert len(list(ledger.dispatch(5.0))) == 1


@pytest.mark.parametrize("settle", ["ack", "bury"])
def test_a_result_may_follow_its_settlement_but_only_from_the_same_worker(settle: str) -> None:
    ledger = shared()
    first, second = ledger.join("first"), ledger.join("second")
    ledger.grant(first, 1)
    ledger.put(task("a"))
    [(_, tag, _)] = ledger.dispatch(0)
    if settle == "ack":
        ledger.ack(first, tag)
    else:
        ledger.bury(first, tag, "reason")

    assert ledger.owns(first, tag, "a")
    assert not ledger.owns(first, tag, "another")
    assert not ledger.owns(second, tag, "a")
    ledger.note_result(first, tag)
    assert not ledger.owns(first, tag, "a")


def test_a_result_of_a_lost_delivery_is_nobodys() -> None:
    ledger = shared()
    worker = ledger.join("worker")
    ledger.grant(worker, 1)
    ledger.put(task("a"))
    [(_, tag, _)] = ledger.dispatch(0)
    ledger.release(worker, tag, None)

    assert not ledger.owns(worker, tag, "a")


def test_dead_letters_are_kept_with_their_reason_and_replayed_as_new() -> None:
    ledger = Ledger(SharedBacklog(), max_dead_letters=1)
    worker = ledger.join("worker")
    ledger.grant(worker, 2)
    ledger.put(task("a"))
    ledger.put(task("b"))
    for account, tag, _ in list(ledger.dispatch(0)):
        ledger.bury(account, tag, "why", "ValueError: no")

    (letter,) = ledger.dead
    assert (letter.task_id, letter.task_name, letter.message) == ("b", "name", b"body")
    assert (letter.attempt, letter.reason, letter.error) == (1, "why", "ValueError: no")
    assert ledger.replay_dead() == 1
    ledger.grant(worker, 3)
    [(_, _, again)] = ledger.dispatch(0)
    assert (again.task_id, again.attempt) == ("b", 1)


def test_purge_drops_what_waits_and_leaves_what_is_delivered() -> None:
    ledger = shared()
    worker = ledger.join("worker")
    ledger.grant(worker, 1)
    for name in "abc":
        ledger.put(task(name))
    ledger.put(task("d"), due=1.0)
    list(ledger.dispatch(0))

    assert ledger.purge() == 3
    assert (ledger.waiting, ledger.delayed, ledger.held) == (0, 0, 1)


class TestBroadcast:
    def test_every_worker_gets_every_message(self) -> None:
        ledger = Ledger(CopiedBacklog())
        first, second = ledger.join("first"), ledger.join("second")
        ledger.grant(first, 5)
        ledger.grant(second, 5)
        ledger.put(task())

        sent = list(ledger.dispatch(0))

        assert [account.name for account, _, _ in sent] == ["first", "second"]
        assert [one.attempt for _, _, one in sent] == [1, 1]

    def test_the_first_worker_gets_what_was_sent_before(self) -> None:
        ledger = Ledger(CopiedBacklog())
        ledger.put(task())
        first, second = ledger.join("first"), ledger.join("second")
        ledger.grant(first, 5)
        ledger.grant(second, 5)

        assert [account.name for account, _, _ in ledger.dispatch(0)] == ["first"]

    def test_a_released_copy_comes_back_to_the_same_worker(self) -> None:
        ledger = Ledger(CopiedBacklog())
        first, second = ledger.join("first"), ledger.join("second")
        ledger.grant(first, 5)
        ledger.grant(second, 5)
        ledger.put(task())
        (_, tag, _), _ = ledger.dispatch(0)

        ledger.release(first, tag, 1.0)

        assert [account.name for account, _, _ in ledger.dispatch(1.0)] == ["first"]

    def test_what_a_lost_worker_had_is_lost_with_it(self) -> None:
        ledger = Ledger(CopiedBacklog())
        first = ledger.join("first")
        ledger.grant(first, 1)
        ledger.put(task())
        ledger.put(task())
        [(_, tag, _)] = ledger.dispatch(0)
        ledger.release(first, tag, 9.0)

        ledger.leave(first)
        list(ledger.dispatch(10.0))

        assert ledger.is_idle


def test_aborted_messages_are_marked_wherever_they_are() -> None:
    ledger = shared()
    worker = ledger.join("worker")
    for name in ("running", "queued", "delayed"):
        ledger.put(task(name), 100.0 if name == "delayed" else None)
    ledger.grant(worker, 1)
    list(ledger.dispatch(0.0))

    found = {name: ledger.abort(name) for name in ("running", "queued", "delayed", "unknown")}

    assert found == {
        "running": (AbortState.RUNNING, [worker]),
        "queued": (AbortState.QUEUED, []),
        "delayed": (AbortState.QUEUED, []),
        "unknown": (AbortState.UNKNOWN, []),
    }
    ledger.grant(worker, 3)
    delivered = [each for _, _, each in ledger.dispatch(1.0)]
    assert [(each.task_id, each.aborted) for each in delivered] == [
        ("queued", True),
        ("delayed", True),
    ]
