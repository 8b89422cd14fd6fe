"""The queue's operations against a model that is a list, in any order Hypothesis thinks of."""

import sqlite3
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import Renewal
from taskiq_core.brokers.queue_labels import QueueLabels
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_sqlite.queue.abort import request_abort
from taskiq_sqlite.queue.admin import count
from taskiq_sqlite.queue.codec import FetchedMessage
from taskiq_sqlite.queue.dead_letters import Letters, Replay, letter_ids_after, replay
from taskiq_sqlite.queue.enqueue import NewMessage, enqueue
from taskiq_sqlite.queue.fetch import FetchRequest, fetch, give_back
from taskiq_sqlite.queue.settle import (
    Burial,
    Release,
    RenewRequest,
    Token,
    acknowledge,
    bury,
    reclaim,
    release,
    renew,
)
from taskiq_sqlite.storage.schema import migrate
from taskiq_sqlite.storage.transaction import Transaction

LEASE = 10.0


@dataclass(eq=False)
class Model:
    """What a message should be."""

    task_id: str
    order: int
    priority: int
    due: float
    attempt: int = 0
    unsettled: int = 0
    aborted: bool = False
    fence: int | None = None
    lease_until: float = 0.0
    is_dead: bool = False

    def rank(self) -> tuple[Any, ...]:
        return (not self.aborted, -self.priority, self.due, self.order)


class Queue(RuleBasedStateMachine):
    """Random sends, fetches, settlements, aborts and passing time."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        migrate(self.connection, "memory")
        self.now = 1_000.0
        self.sent = 0
        self.messages: list[Model] = []
        self.held: list[tuple[FetchedMessage, Model]] = []

    def teardown(self) -> None:
        self.connection.close()

    def do(self, operation: Any, item: Any) -> Any:
        transaction = Transaction(self.connection, self.now)
        [outcome] = operation(transaction, [item])
        transaction.write_counts()
        return outcome

    def waiting(self) -> list[Model]:
        found = [
            each
            for each in self.messages
            if not each.is_dead and each.fence is None and (each.due <= self.now or each.aborted)
        ]
        return sorted(found, key=Model.rank)

    @rule(priority=st.integers(-1, 1), delay=st.sampled_from([0.0, 5.0, 20.0]))
    def send(self, priority: int, delay: float) -> None:
        self.sent += 1
        task_id = str(self.sent)
        labels = QueueLabels(priority=priority, delay=delay)
        message = NewMessage(task_id, "t", task_id.encode(), labels=labels)
        assert self.do(enqueue, [message]) is None
        self.messages.append(Model(task_id, self.sent, priority, self.now + delay))

    @rule(limit=st.integers(1, 3), is_seen=st.booleans())
    def fetch(self, limit: int, is_seen: bool) -> None:
        expected = self.waiting()[:limit]

        fetched = self.do(fetch, FetchRequest(limit, LEASE))

        assert [each.task_id for each in fetched.messages] == [each.task_id for each in expected]
        for message, model in zip(fetched.messages, expected, strict=True):
            assert message.attempt == model.attempt + 1
            assert message.unsettled == model.unsettled
            assert bool(message.aborted) == model.aborted
        if not is_seen:
            self.do(give_back, fetched)
            return
        for message, model in zip(fetched.messages, expected, strict=True):
            model.attempt += 1
            model.fence, model.lease_until = message.fence, self.now + LEASE
            self.held.append((message, model))

    @rule(seconds=st.sampled_from([1.0, 6.0, 11.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def reclaim(self) -> None:
        lost = [
            each
            for each in self.messages
            if each.fence is not None and each.lease_until <= self.now
        ]
        assert self.do(reclaim, None) == len(lost)
        for model in lost:
            model.fence = None
            model.unsettled += 1

    @precondition(lambda self: self.held)
    @rule(
        data=st.data(),
        how=st.sampled_from(["ack", "release", "delay", "bury", "renew"]),
    )
    def settle(self, data: st.DataObject, how: str) -> None:
        """Of any delivery there ever was, lost and settled ones too."""
        message, model = data.draw(st.sampled_from(self.held))
        token = LeaseToken(message.message_id, message.fence)
        is_ours = model in self.messages and not model.is_dead and model.fence == message.fence
        if how == "renew":
            [renewal] = self.do(renew, RenewRequest([token], LEASE))
            assert (renewal is not Renewal.LOST) == is_ours
            if is_ours:
                model.lease_until = self.now + LEASE
            return
        outcome = self.settle_by(how, token)
        assert (outcome is None) == is_ours
        if not is_ours:
            assert isinstance(outcome, LeaseLostError)
            return
        model.fence = None
        if how == "ack":
            self.messages.remove(model)
        elif how == "bury":
            model.is_dead = True
        elif how == "delay":
            model.due = self.now + 7.0

    def settle_by(self, how: str, token: Token) -> Any:
        match how:
            case "ack":
                return self.do(acknowledge, token)
            case "bury":
                return self.do(bury, Burial(token, "no", None))
            case _:
                return self.do(release, Release(token, 7.0 if how == "delay" else 0.0))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def abort(self, data: st.DataObject) -> None:
        task_id = str(data.draw(st.integers(1, self.sent)))
        found = [each for each in self.messages if each.task_id == task_id and not each.is_dead]
        state = self.do(request_abort, task_id)
        if not found:
            assert state is AbortState.UNKNOWN
            return
        assert state is (AbortState.QUEUED if found[0].fence is None else AbortState.RUNNING)
        found[0].aborted = True

    @rule()
    def replay(self) -> None:
        dead = [each for each in self.messages if each.is_dead]
        letters = Letters("", self.do(letter_ids_after, Letters("", [0])))
        assert self.do(replay, letters) == Replay(len(dead), [])
        for model in dead:
            self.messages.remove(model)
            # Its place among those of the same moment is by burial, so it gets a moment of its own.
            self.messages.append(Model(model.task_id, 0, model.priority, self.now))
        if dead:
            order = {row[0]: row[1] for row in self.connection.execute(_ORDER)}
            for model in self.messages:
                model.order = order[model.task_id]

    @invariant()
    def counts_agree(self) -> None:
        alive = [each for each in self.messages if not each.is_dead]
        delivered = sum(each.fence is not None for each in alive)
        waiting = len(self.waiting())
        counted = self.do(count, "")
        assert (
            self.connection.execute(_COUNTERS).fetchone()
            == self.connection.execute(_COUNTED).fetchone()
        )
        assert counted == QueueStats(
            waiting=waiting,
            delivered=delivered,
            delayed=len(alive) - delivered - waiting,
            dead=len(self.messages) - len(alive),
            oldest_age=counted.oldest_age,
        )


_COUNTERS = "SELECT total, delayed FROM queues"
_COUNTED = "SELECT count(*), coalesce(sum(state = 1), 0) FROM messages"
_ORDER = "SELECT task_id, id FROM messages UNION ALL SELECT task_id, 0 FROM dead_letters"
Queue.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQueue = Queue.TestCase
