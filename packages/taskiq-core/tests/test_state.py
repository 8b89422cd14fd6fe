"""The state of an application: items and attributes are the same thing."""

import copy

import pytest

from taskiq_core import TaskiqState


def test_items_attributes_and_the_older_methods_see_the_same_values() -> None:
    state = TaskiqState()

    state.pool = 1
    state["cache"] = 2
    state.set_value("client", 3)

    assert (state["pool"], state.cache, state.get_value("client")) == (1, 2, 3)
    assert dict(state) == {"pool": 1, "cache": 2, "client": 3}
    assert str(state) == "TaskiqState({'pool': 1, 'cache': 2, 'client': 3})"


def test_values_can_be_deleted_either_way() -> None:
    state = TaskiqState()
    state.update(a=1, b=2)

    del state.a
    del state["b"]

    assert not state


def test_missing_value_is_an_error_that_says_when_it_should_have_been_set() -> None:
    state = TaskiqState()

    with pytest.raises(AttributeError, match=r"^the state has no 'pool': was it set at start-up"):
        _ = state.pool
    with pytest.raises(AttributeError, match=r"^the state has no 'pool'$"):
        del state.pool
    with pytest.raises(KeyError, match="pool"):
        _ = state["pool"]
    assert state.get_value("pool") is None
    assert state.get_value("pool", 5) == 5
    assert not hasattr(state, "pool")


def test_value_may_be_none() -> None:
    state = TaskiqState()
    state.pool = None

    assert state.pool is None
    assert state.get_value("pool", 5) is None


def test_copy_has_values_of_its_own() -> None:
    state = TaskiqState()
    state.pool = 1

    for other in (copy.copy(state), state.copy(), copy.deepcopy(state)):
        assert other == state
        other.pool = 2

    assert state.pool == 1


def test_states_are_separate() -> None:
    first, second = TaskiqState(), TaskiqState()

    first.pool = 1

    assert "pool" not in second
