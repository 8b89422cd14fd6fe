"""QueueOrder: each queue has its share, and no queue with messages is left out."""

from collections import Counter
from collections.abc import Mapping
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from taskiq_core.brokers.queue_order import QueueOrder
from taskiq_core.messages.queue_selection import MAX_WEIGHT, QueueSelection

Weights = Mapping[str, int]
weights = st.dictionaries(
    st.sampled_from("abcde"), st.integers(1, MAX_WEIGHT), min_size=1, max_size=5
)
small_weights = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9), min_size=1, max_size=5)


def first_of(order: QueueOrder, busy: frozenset[str]) -> str | None:
    """The queue that a fetch begins with, which the order is given."""
    queue = next((name for name in order.queues() if name in busy), None)
    order.served(queue)
    return queue


@given(small_weights)
def test_busy_queues_come_first_by_their_weights(each: Weights) -> None:
    order = QueueOrder(QueueSelection(each))
    busy = frozenset(each)

    for _ in range(3):
        round_of_all = Counter(first_of(order, busy) for _ in range(sum(each.values())))

        assert round_of_all == Counter(each)


@given(weights, st.data())
def test_a_queue_with_messages_is_not_starved(each: Weights, data: st.DataObject) -> None:
    """Whatever the others do: they have messages and none, at the worst moments."""
    order = QueueOrder(QueueSelection(each))
    waiting = data.draw(st.sampled_from(sorted(each)))
    others = st.frozensets(st.sampled_from(sorted(each)))
    before = data.draw(st.lists(others, max_size=30))
    for busy in before:
        first_of(order, busy)
    since: Counter[str | None] = Counter()

    for _ in range(60):
        first = first_of(order, data.draw(others) | {waiting})
        since[first] += 1
        if first == waiting:
            since.clear()

        for name, weight in each.items():
            assert name == waiting or since[name] <= ceil(weight / each[waiting]) + 1


@given(weights, st.frozensets(st.sampled_from("abcde")))
def test_all_queues_are_looked_at_in_each_fetch(each: Weights, busy: frozenset[str]) -> None:
    order = QueueOrder(QueueSelection(each))

    for _ in range(5):
        assert sorted(order.queues()) == sorted(each)
        first_of(order, busy)


def test_an_empty_queue_saves_up_nothing() -> None:
    """After an hour without messages it does not push out the others for an hour."""
    order = QueueOrder(QueueSelection({"a": 1, "b": 1}))
    for _ in range(1_000):
        first_of(order, frozenset("b"))

    firsts = [first_of(order, frozenset("ab")) for _ in range(10)]

    assert 5 <= firsts.count("a") <= 6


def test_the_turns_of_a_light_queue_are_spread() -> None:
    order = QueueOrder(QueueSelection({"a": 4, "b": 1, "c": 1}))

    firsts = "".join(first_of(order, frozenset("abc")) or "" for _ in range(6))

    assert firsts == "aabcaa"


@given(weights, st.data())
def test_strict_order_is_that_of_the_selection(each: Weights, data: st.DataObject) -> None:
    order = QueueOrder(QueueSelection(each, is_strict=True))

    for busy in data.draw(st.lists(st.frozensets(st.sampled_from("abcde")), max_size=10)):
        first_of(order, busy)

        assert list(order.queues()) == list(each)
