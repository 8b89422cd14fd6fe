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
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_zmq.client.dispatch import BroadcastDispatch, Consumer, Dispatch, ExclusiveDispatch
from taskiq_zmq.client.queue import MAX_NAMES, MessageQueue
from taskiq_zmq.client.queued_message import QueuedMessage


def task(task_id: str = "id", queue: str = "default") -> QueuedMessage:
    return QueuedMessage(task_id, "name", b"body", queue)


def queue_of(rule: Dispatch, max_dead_letters: int = 1_000) -> MessageQueue:
    return MessageQueue(rule, default_queue="default", max_dead_letters=max_dead_letters)


def shared() -> MessageQueue:
    return queue_of(ExclusiveDispatch())


def broadcast() -> MessageQueue:
    return queue_of(BroadcastDispatch())


class MessageQueueMachine(RuleBasedStateMachine):
    """A model that knows only which ids are under way, and how often each was delivered."""

    consumers = Bundle("consumers")
    deliveries = Bundle("deliveries")

    def __init__(self) -> None:
        super().__init__()
        self.queue = queue_of(ExclusiveDispatch(), max_dead_letters=10_000)
        self.now = 0.0
        self.sent = 0
        self.alive: set[str] = set()
        self.dead = 0
        self.delivered: Counter[str] = Counter()

    @rule(delay=st.sampled_from([None, 1.0, 5.0]))
    def put(self, delay: float | None) -> None:
        self.sent += 1
        self.alive.add(str(self.sent))
        self.queue.put(task(str(self.sent)), None if delay is None else self.now + delay)

    @rule(target=consumers)
    def join(self) -> Consumer:
        return self.queue.join("worker")

    @rule(consumer=consumers, total=st.integers(0, 20))
    def grant(self, consumer: Consumer, total: int) -> None:
        self.queue.grant(consumer, total)

    @rule(consumer=consumers)
    def recall(self, consumer: Consumer) -> None:
        assert self.queue.recall(consumer) <= consumer.sent

    @rule(target=deliveries, passed=st.floats(0, 3))
    def dispatch(self, passed: float) -> MultipleResults[tuple[Consumer, int, str]]:
        self.now += passed
        sent = list(self.queue.dispatch(self.now))
        for consumer, _, one in sent:
            assert consumer in self.queue.consumers
            assert consumer.sent <= consumer.granted
            self.delivered[one.task_id] += 1
            assert one.attempt == self.delivered[one.task_id]
        return multiple(*((consumer, tag, one.task_id) for consumer, tag, one in sent))

    def holds(self, delivery: tuple[Consumer, int, str]) -> bool:
        consumer, tag, _ = delivery
        return tag in consumer.held

    @rule(delivery=deliveries)
    def ack(self, delivery: tuple[Consumer, int, str]) -> None:
        held = self.holds(delivery)
        assert self.queue.ack(*delivery[:2]) is held
        if held:
            self.alive.remove(delivery[2])

    @rule(delivery=deliveries, other=consumers)
    def ack_of_another(self, delivery: tuple[Consumer, int, str], other: Consumer) -> None:
        if other is not delivery[0]:
            assert not self.queue.ack(other, delivery[1])

    @rule(delivery=deliveries, delay=st.sampled_from([None, 2.0]))
    def release(self, delivery: tuple[Consumer, int, str], delay: float | None) -> None:
        held = self.holds(delivery)
        due = None if delay is None else self.now + delay
        assert self.queue.release(*delivery[:2], due) is held

    @rule(delivery=deliveries)
    def give_back(self, delivery: tuple[Consumer, int, str]) -> None:
        held = self.holds(delivery)
        assert self.queue.give_back(*delivery[:2]) is held
        if held:
            self.delivered[delivery[2]] -= 1

    @rule(delivery=deliveries)
    def bury(self, delivery: tuple[Consumer, int, str]) -> None:
        held = self.holds(delivery)
        assert self.queue.bury(*delivery[:2], "reason") is held
        if held:
            self.alive.remove(delivery[2])
            self.dead += 1

    @rule(consumer=consumes(consumers))
    def leave(self, consumer: Consumer) -> None:
        self.queue.leave(consumer)
        assert not consumer.held

    @invariant()
    def every_message_is_in_one_place(self) -> None:
        found = Counter(one.task_id for one in self.queue.unfinished())
        assert found == Counter(self.alive)
        assert len(self.queue.dead) == self.dead
        counts = self.queue.waiting + self.queue.delayed + self.queue.held
        assert counts == len(self.alive)
        assert self.queue.is_idle is not bool(self.alive)


TestMessageQueueMachine = MessageQueueMachine.TestCase
TestMessageQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_messages_are_spread_over_workers() -> None:
    queue = shared()
    first, second = queue.join("first"), queue.join("second")
    queue.grant(first, 10)
    queue.grant(second, 10)
    for number in range(6):
        queue.put(task(str(number)))

    list(queue.dispatch(0))

    assert (len(first.held), len(second.held)) == (3, 3)


def test_one_message_at_a_time_goes_to_each_in_turn() -> None:
    queue = shared()
    workers = [queue.join(name) for name in "abc"]
    for worker in workers:
        queue.grant(worker, 10)

    for _ in range(6):
        queue.put(task())
        for consumer, tag, _ in list(queue.dispatch(0)):
            queue.ack(consumer, tag)

    assert [worker.sent for worker in workers] == [2, 2, 2]


def test_a_lost_workers_messages_go_before_those_that_wait_and_count_as_unsettled() -> None:
    queue = shared()
    first = queue.join("first")
    queue.grant(first, 2)
    for name in "abc":
        queue.put(task(name))
    list(queue.dispatch(0))

    assert queue.leave(first) == 2
    second = queue.join("second")
    queue.grant(second, 3)
    again = [one for _, _, one in queue.dispatch(0)]

    assert [one.task_id for one in again] == ["a", "b", "c"]
    assert [(one.attempt, one.unsettled) for one in again] == [(2, 1), (2, 1), (1, 0)]


def test_a_message_that_was_not_begun_is_first_in_line_and_its_delivery_does_not_count() -> None:
    queue = shared()
    worker = queue.join("worker")
    queue.grant(worker, 1)
    queue.put(task("a"))
    queue.put(task("b"))
    [(_, tag, _)] = queue.dispatch(0)

    queue.give_back(worker, tag)
    queue.grant(worker, 2)
    [(_, _, again)] = queue.dispatch(0)

    assert (again.task_id, again.attempt, again.unsettled) == ("a", 1, 0)


def test_a_released_message_waits_behind_the_others() -> None:
    queue = shared()
    worker = queue.join("worker")
    queue.grant(worker, 1)
    queue.put(task("a"))
    queue.put(task("b"))
    [(_, tag, _)] = queue.dispatch(0)

    queue.release(worker, tag, None)
    queue.grant(worker, 3)

    assert [one.task_id for _, _, one in queue.dispatch(0)] == ["b", "a"]


def test_a_delayed_message_is_delivered_when_it_is_due_and_not_before() -> None:
    queue = shared()
    queue.grant(queue.join("worker"), 10)
    queue.put(task(), due=5.0)

    assert queue.next_due == 5.0
    assert not list(queue.dispatch(4.9))
    assert len(list(queue.dispatch(5.0))) == 1


@pytest.mark.parametrize("settle", ["ack", "bury"])
def test_a_result_may_follow_its_settlement_but_only_from_the_same_worker(settle: str) -> None:
    queue = shared()
    first, second = queue.join("first"), queue.join("second")
    queue.grant(first, 1)
    queue.put(task("a"))
    [(_, tag, _)] = queue.dispatch(0)
    if settle == "ack":
        queue.ack(first, tag)
    else:
        queue.bury(first, tag, "reason")

    assert queue.owns(first, tag, "a")
    assert not queue.owns(first, tag, "another")
    assert not queue.owns(second, tag, "a")
    queue.note_result(first, tag)
    assert not queue.owns(first, tag, "a")


def test_a_result_of_a_lost_delivery_is_nobodys() -> None:
    queue = shared()
    worker = queue.join("worker")
    queue.grant(worker, 1)
    queue.put(task("a"))
    [(_, tag, _)] = queue.dispatch(0)
    queue.release(worker, tag, None)

    assert not queue.owns(worker, tag, "a")


def test_dead_letters_are_kept_with_their_reason_and_replayed_as_new() -> None:
    queue = queue_of(ExclusiveDispatch(), max_dead_letters=1)
    worker = queue.join("worker")
    queue.grant(worker, 2)
    queue.put(task("a"))
    queue.put(task("b"))
    for consumer, tag, _ in list(queue.dispatch(0)):
        queue.bury(consumer, tag, "why", "ValueError: no")

    (letter,) = queue.dead_letters("default")
    assert (letter.task_id, letter.task_name, letter.message) == ("b", "name", b"body")
    assert (letter.attempt, letter.reason, letter.error) == (1, "why", "ValueError: no")
    assert queue.replay_dead(None, "default") == 1
    queue.grant(worker, 3)
    [(_, _, again)] = queue.dispatch(0)
    assert (again.task_id, again.attempt) == ("b", 1)


def test_purge_drops_what_waits_and_leaves_what_is_delivered() -> None:
    queue = shared()
    worker = queue.join("worker")
    queue.grant(worker, 1)
    for name in "abc":
        queue.put(task(name))
    queue.put(task("d"), due=1.0)
    list(queue.dispatch(0))

    assert queue.purge("default") == 3
    assert (queue.waiting, queue.delayed, queue.held) == (0, 0, 1)


def test_paused_queue_delivers_nothing_and_keeps_what_is_held() -> None:
    queue = shared()
    worker = queue.join("worker")
    queue.grant(worker, 3)
    queue.put(task("a"))
    [(_, tag, _)] = queue.dispatch(0)
    queue.paused.add("default")
    queue.put(task("b"))
    queue.put(task("c"), due=1.0)

    assert list(queue.dispatch(2.0)) == []

    assert queue.next_due is None  # nothing to wake up for
    stats = queue.stats("default")
    assert (stats.waiting, stats.delivered, stats.is_paused) == (2, 1, True)
    assert queue.ack(worker, tag)
    queue.paused.discard("default")
    assert [one.task_id for _, _, one in queue.dispatch(2.0)] == ["b", "c"]


def test_weights_share_the_slots_of_a_worker() -> None:
    queue = shared()
    worker = queue.join("worker", queues=QueueSelection({"heavy": 3, "light": 1}))
    for number in range(40):
        queue.put(task(f"h{number}", "heavy"))
        queue.put(task(f"l{number}", "light"))
    queue.grant(worker, 40)

    taken = Counter(one.queue for _, _, one in queue.dispatch(0))

    assert taken == {"heavy": 30, "light": 10}


def test_a_worker_without_credit_starves_only_of_what_it_may_get() -> None:
    queue = shared()
    queue.join("usual")
    mailer = queue.join("mailer", queues=QueueSelection({"mails": 1}))
    queue.put(task("a", "mails"))

    assert list(queue.starving()) == [mailer]
    queue.paused.add("mails")
    assert list(queue.starving()) == []


def test_names_of_queues_that_are_empty_are_forgotten_in_time() -> None:
    queue = shared()
    queue.put(task("kept", "kept"))
    for number in range(3 * MAX_NAMES):
        queue.put(task("id", f"queue {number}"))
        queue.purge(f"queue {number}")

    assert len(queue.names) <= MAX_NAMES
    assert list(queue.names)[:2] == ["default", "kept"]


class TestBroadcast:
    def test_every_worker_gets_every_message(self) -> None:
        queue = broadcast()
        first, second = queue.join("first"), queue.join("second")
        queue.grant(first, 5)
        queue.grant(second, 5)
        queue.put(task())

        sent = list(queue.dispatch(0))

        assert [consumer.name for consumer, _, _ in sent] == ["first", "second"]
        assert [one.attempt for _, _, one in sent] == [1, 1]

    def test_the_first_worker_gets_what_was_sent_before(self) -> None:
        queue = broadcast()
        queue.put(task())
        first, second = queue.join("first"), queue.join("second")
        queue.grant(first, 5)
        queue.grant(second, 5)

        assert [consumer.name for consumer, _, _ in queue.dispatch(0)] == ["first"]

    def test_only_workers_of_the_queue_get_a_message(self) -> None:
        queue = broadcast()
        selection = QueueSelection({"mails": 1})
        for name in ("first mailer", "second mailer"):
            queue.grant(queue.join(name, queues=selection), 5)
        queue.grant(queue.join("usual"), 5)
        queue.put(task("a mail", "mails"))
        queue.put(task("early", "reports"))

        sent = [consumer.name for consumer, _, _ in queue.dispatch(0)]

        assert sent == ["first mailer", "second mailer"]
        assert queue.waiting == 1
        reporter = queue.join("reporter", queues=QueueSelection({"reports": 1}))
        queue.grant(reporter, 5)
        assert [one.task_id for _, _, one in queue.dispatch(0)] == ["early"]

    def test_a_released_copy_comes_back_to_the_same_worker(self) -> None:
        queue = broadcast()
        first, second = queue.join("first"), queue.join("second")
        queue.grant(first, 5)
        queue.grant(second, 5)
        queue.put(task())
        (_, tag, _), _ = queue.dispatch(0)

        queue.release(first, tag, 1.0)

        assert [consumer.name for consumer, _, _ in queue.dispatch(1.0)] == ["first"]

    def test_what_a_lost_worker_had_is_lost_with_it(self) -> None:
        queue = broadcast()
        first = queue.join("first")
        queue.grant(first, 1)
        queue.put(task())
        queue.put(task())
        [(_, tag, _)] = queue.dispatch(0)
        queue.release(first, tag, 9.0)

        queue.leave(first)
        list(queue.dispatch(10.0))

        assert queue.is_idle


def test_aborted_messages_are_marked_wherever_they_are() -> None:
    queue = shared()
    worker = queue.join("worker")
    for name in ("running", "queued", "delayed"):
        queue.put(task(name), 100.0 if name == "delayed" else None)
    queue.grant(worker, 1)
    list(queue.dispatch(0.0))

    found = {name: queue.abort(name) for name in ("running", "queued", "delayed", "unknown")}

    assert found == {
        "running": (AbortState.RUNNING, [worker]),
        "queued": (AbortState.QUEUED, []),
        "delayed": (AbortState.QUEUED, []),
        "unknown": (AbortState.UNKNOWN, []),
    }
    queue.grant(worker, 3)
    delivered = [each for _, _, each in queue.dispatch(1.0)]
    assert [(each.task_id, each.aborted) for each in delivered] == [
        ("queued", True),
        ("delayed", True),
    ]
