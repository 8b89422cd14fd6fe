"""Headers and routing keys, without a server."""

from datetime import UTC, datetime

import pytest

from taskiq_aio_pika.queue import delays
from taskiq_aio_pika.queue.codec import MessageHeaders, read_headers
from taskiq_aio_pika.queue.dead_letter_codec import UNKNOWN_REASON, letter_headers, read_letter

HEADERS = MessageHeaders("id", "name", released=1, lost=2, failures=1, fence=7, expires_at=9)


def test_headers_are_read_as_they_were_written() -> None:
    assert read_headers(HEADERS.as_table(), message_id=None) == HEADERS
    assert HEADERS.attempt == 4


def test_what_the_server_counts_is_added() -> None:
    found = read_headers({**HEADERS.as_table(), "x-delivery-count": 3}, message_id=None)

    assert (found.lost, found.attempt) == (5, 7)


def test_messages_of_other_programs_are_first_attempts() -> None:
    found = read_headers({"label": "1"}, message_id="id")

    assert (found.task_id, found.attempt) == ("id", 1)


@pytest.mark.parametrize("value", [-1, True, "1", None])
def test_wrong_counts_are_unreadable(value: object) -> None:
    with pytest.raises(ValueError, match="taskiq-released"):
        read_headers({"taskiq-released": value}, message_id=None)


def test_a_replayed_letter_is_a_first_attempt_with_a_higher_fence() -> None:
    replayed = HEADERS.replayed()

    assert replayed.attempt == 1
    assert replayed.fence + replayed.attempt > HEADERS.fence + HEADERS.attempt


def test_a_letter_is_read_as_it_was_written() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    table = letter_headers(HEADERS, letter_id="1", reason="why", error=None, buried_at=now)

    letter, headers = read_letter(b"body", {**table, "x-delivery-count": 9}, message_id=None)

    assert (letter.letter_id, letter.reason, letter.error) == ("1", "why", None)
    assert (letter.buried_at, letter.attempt, headers) == (now, 4, HEADERS)


def test_letters_of_other_programs_are_listed() -> None:
    letter, _ = read_letter(b"body", {"taskiq-lost": "?"}, message_id="m")

    assert (letter.letter_id, letter.task_id, letter.reason) == ("m", "m", UNKNOWN_REASON)


@pytest.mark.parametrize(("delay", "steps"), [(0.1, 1), (0.3, 3), (0.31, 4), (1000, 10_000)])
def test_delays_are_rounded_up(delay: float, steps: int) -> None:
    key = delays.routing_key(delays.steps_of(delay))

    assert delays.steps_of(delay) == steps
    assert int(key.replace(".", ""), 2) == steps
    assert key.count(".") == delays.LEVELS - 1


def test_a_delay_waits_in_its_highest_level_first() -> None:
    assert [delays.level_of(steps) for steps in (1, 2, 3, 4)] == [0, 1, 1, 2]
