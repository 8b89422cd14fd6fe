"""A worker never gets more than it has slots, and no hub starves while another idles."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from taskiq_core.messages.slots import Slots
from taskiq_zmq.worker.credit import MAX_UNUSED, CreditPool


class HubModel:
    """A hub as the protocol wants it: sends while it has credit, answers recalls."""

    def __init__(self) -> None:
        self.granted = 0
        self.sent = 0
        self.is_asked = False
        self.in_flight = 0


class CreditMachine(RuleBasedStateMachine):
    """Hubs and a worker with messages in flight between them, in any order."""

    @initialize(limit=st.integers(1, 5), hubs=st.integers(1, 3))
    def begin(self, limit: int, hubs: int) -> None:
        self.slots = Slots(limit)
        self.pool: CreditPool[int] = CreditPool(self.slots)
        self.hubs = {number: HubModel() for number in range(hubs)}
        self.inbox = 0
        self.next_hub = hubs
        for number in self.hubs:
            self.pool.join(number)
        self.flush()

    def flush(self) -> None:
        for number, granted in self.pool.grow():
            self.hubs[number].granted = granted
        for number in self.pool.recall():
            self.hubs[number].is_asked = True

    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        ready = [number for number, hub in self.hubs.items() if hub.sent < hub.granted]
        if ready:
            hub = self.hubs[data.draw(st.sampled_from(ready))]
            hub.sent += 1
            hub.in_flight += 1

    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        ready = [number for number, hub in self.hubs.items() if hub.in_flight]
        if ready:
            number = data.draw(st.sampled_from(ready))
            self.hubs[number].in_flight -= 1
            assert self.pool.receive(number)
            self.inbox += 1

    @rule(data=st.data())
    def want(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(list(self.hubs)))
        self.pool.want(number)
        self.flush()

    @rule(data=st.data())
    def answer_recall(self, data: st.DataObject) -> None:
        asked = [n for n, hub in self.hubs.items() if hub.is_asked and not hub.in_flight]
        if asked:
            number = data.draw(st.sampled_from(asked))
            hub = self.hubs[number]
            hub.granted, hub.is_asked = hub.sent, False
            self.pool.recalled(number)
            self.flush()

    @precondition(lambda self: self.inbox)
    @rule()
    def begin_task(self) -> None:
        assert self.slots.free > 0
        self.inbox -= 1
        self.slots.take()

    @precondition(lambda self: self.slots.taken)
    @rule()
    def finish_task(self) -> None:
        self.slots.release()
        self.flush()

    @rule(data=st.data())
    def replace_a_hub(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(list(self.hubs)))
        del self.hubs[number]
        self.pool.leave(number)
        self.hubs[self.next_hub] = HubModel()
        self.pool.join(self.next_hub)
        self.next_hub += 1
        self.flush()

    @invariant()
    def no_more_comes_than_there_are_slots(self) -> None:
        coming = sum(hub.granted - hub.sent + hub.in_flight for hub in self.hubs.values())
        assert self.slots.taken + self.inbox + coming <= self.slots.limit

    @invariant()
    def no_slot_is_forgotten(self) -> None:
        coming = sum(hub.granted - hub.sent + hub.in_flight for hub in self.hubs.values())
        recalling = any(hub.is_asked for hub in self.hubs.values())
        assert recalling or self.slots.taken + self.inbox + coming == self.slots.limit


TestCreditMachine = CreditMachine.TestCase
TestCreditMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_idle_hubs_share_the_credit_evenly() -> None:
    pool: CreditPool[str] = CreditPool(Slots(10))
    pool.join("a")
    pool.join("b")

    assert dict(pool.grow()) == {"a": 5, "b": 5}


def test_a_busy_hub_gets_what_an_idle_one_does_not_use() -> None:
    pool: CreditPool[str] = CreditPool(Slots(1))
    pool.join("idle")
    pool.join("busy")
    list(pool.grow())

    pool.want("busy")
    list(pool.grow())
    assert pool.recall() == ["idle"]
    assert pool.recall() == [], "it is asked once"
    pool.recalled("idle")

    assert dict(pool.grow()) == {"busy": 1}


def test_hubs_that_compete_for_one_slot_take_turns() -> None:
    slots = Slots(1)
    pool: CreditPool[str] = CreditPool(slots)
    for hub in "abc":
        pool.join(hub)
    turns = []
    for _ in range(6):
        for hub in "abc":
            pool.want(hub)
        [(hub, _)] = pool.grow()
        turns.append(hub)
        assert pool.receive(hub)
        slots.take()
        slots.release()

    assert turns == ["a", "b", "c", "a", "b", "c"]


def test_a_worker_without_limit_still_bounds_what_comes() -> None:
    pool: CreditPool[str] = CreditPool(Slots(None))
    pool.join("hub")

    assert dict(pool.grow()) == {"hub": MAX_UNUSED}
    for _ in range(10):
        assert pool.receive("hub")
    assert dict(pool.grow()) == {"hub": MAX_UNUSED + 10}


def test_a_delivery_without_credit_is_refused() -> None:
    pool: CreditPool[str] = CreditPool(Slots(1))
    pool.join("hub")
    list(pool.grow())

    assert pool.receive("hub")
    assert not pool.receive("hub")
    assert not pool.receive("stranger")
