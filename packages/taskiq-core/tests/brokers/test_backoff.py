"""backoff_delay: waits grow, stay below their cap and differ."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskiq_core.brokers.backoff import backoff_delay


@given(st.integers(1, 10_000), st.floats(0.001, 10), st.floats(10, 1000), st.integers())
def test_back_off_stays_within_its_bounds(attempt: int, base: float, cap: float, seed: int) -> None:
    delay = backoff_delay(attempt, base=base, cap=cap, rng=random.Random(seed))

    bound = min(cap, base * 2 ** min(attempt - 1, 63))
    assert bound / 2 <= delay <= bound


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="counted from 1, not 0"):
        backoff_delay(0, base=1, cap=1, rng=random.Random(1))
