"""Batches survive the way to bytes and back; anything else is refused."""

import contextlib
import struct
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.frames import (
    MAX_DELAY,
    MAX_RECORDS,
    VERSION,
    FrameError,
    decode_batch,
    encode,
    encode_batch,
)

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
texts = st.text(max_size=40)
delays = st.floats(0, MAX_DELAY)
queue_names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40)
queues = st.dictionaries(queue_names, st.integers(1, 1_000), max_size=5).map(
    lambda weights: tuple(weights.items())
)
tags = st.lists(u64, max_size=20).map(tuple)
KINDS = {
    records.Hello: st.builds(records.Hello, texts, texts, st.booleans(), queues),
    records.Announce: st.builds(records.Announce, delays, st.binary()),
    records.Withdraw: st.just(records.Withdraw()),
    records.Grant: st.builds(records.Grant, u64),
    records.Acks: st.builds(records.Acks, tags),
    records.Release: st.builds(records.Release, u64, delays),
    records.Returns: st.builds(records.Returns, tags),
    records.Bury: st.builds(records.Bury, u64, texts),
    records.Submit: st.builds(
        records.Submit, u32, delays, texts, texts, st.binary(), st.just("") | queue_names
    ),
    records.Watch: st.builds(records.Watch, texts),
    records.Recall: st.just(records.Recall()),
    records.Goodbye: st.just(records.Goodbye()),
    records.Welcome: st.builds(records.Welcome, st.binary(min_size=16, max_size=16)),
    records.Task: st.builds(records.Task, u64, u32, u32, st.booleans(), texts, st.binary()),
    records.Abort: st.builds(records.Abort, texts),
    records.Want: st.just(records.Want()),
    records.Recalled: st.builds(records.Recalled, u64),
    records.Probe: st.just(records.Probe()),
    records.Stored: st.builds(records.Stored, u32),
    records.Refused: st.builds(records.Refused, u32, texts),
    records.Pending: st.builds(records.Pending, texts),
    records.Result: st.builds(records.Result, u64, texts, st.binary()),
    records.Progress: st.builds(records.Progress, u64, texts, st.binary()),
}
any_record = st.one_of(list(KINDS.values()))


def test_every_record_is_tested() -> None:
    assert set(KINDS) == set(typing.get_args(records.Record))


@given(u32, st.lists(any_record, max_size=20))
def test_a_batch_survives_the_way_to_bytes_and_back(epoch: int, sent: list[records.Record]) -> None:
    data = encode_batch(epoch, [encode(record) for record in sent])

    read_epoch, read = decode_batch(data)

    assert read_epoch == epoch
    assert read == sent
    assert [type(record) for record in read] == [type(record) for record in sent]


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but FrameError ever comes out."""
    with contextlib.suppress(FrameError):
        decode_batch(data)


@given(st.lists(any_record, min_size=1, max_size=5), st.data())
def test_a_changed_byte_is_read_or_refused(sent: list[records.Record], data: st.DataObject) -> None:
    batch = bytearray(encode_batch(1, [encode(record) for record in sent]))
    at = data.draw(st.integers(0, len(batch) - 1))
    batch[at] = data.draw(st.integers(0, 255))

    with contextlib.suppress(FrameError):
        decode_batch(bytes(batch))


@given(any_record, st.data())
def test_a_batch_cut_short_is_refused(sent: records.Record, data: st.DataObject) -> None:
    batch = encode_batch(1, [encode(sent)])
    end = data.draw(st.integers(6, len(batch) - 1))

    with pytest.raises(FrameError):
        decode_batch(batch[:end])


def test_another_version_is_refused_by_name() -> None:
    with pytest.raises(FrameError, match=f"version 9 .* speaks {VERSION}"):
        decode_batch(b"\x09\x00\x00\x00\x00")


@pytest.mark.parametrize(
    "record",
    [
        records.Hello("w", queues=(("", 1),)),
        records.Hello("w", queues=(("a\n", 1),)),
        records.Hello("w", queues=(("a" * 201, 1),)),
        records.Hello("w", queues=(("a", 0),)),
        records.Hello("w", queues=(("a", 1_001),)),
        records.Hello("w", queues=(("a", 1), ("a", 2))),
        records.Hello("w", queues=tuple((str(number), 1) for number in range(257))),
        records.Hello("w", worker_id="i" * 1_025),
        records.Submit(1, 0, "id", "name", b"", "a\n"),
        records.Announce(-1.0, b"{}"),
    ],
)
def test_queues_that_can_not_be_are_refused(record: records.Record) -> None:
    with pytest.raises(FrameError):
        decode_batch(encode_batch(1, [encode(record)]))


@pytest.mark.parametrize("delay", [-1.0, float("nan"), float("inf"), MAX_DELAY * 2])
def test_impossible_delays_are_refused(delay: float) -> None:
    with pytest.raises(FrameError, match="delay"):
        decode_batch(encode_batch(1, [encode(records.Release(1, delay))]))


def test_a_batch_of_too_many_records_is_refused() -> None:
    full = [encode(records.Want())] * MAX_RECORDS

    assert len(decode_batch(encode_batch(1, full))[1]) == MAX_RECORDS
    with pytest.raises(FrameError, match="more than"):
        decode_batch(encode_batch(1, [*full, encode(records.Want())]))


def test_a_size_beyond_the_batch_is_refused_before_it_is_used() -> None:
    with pytest.raises(FrameError, match="claims 4294967295 bytes"):
        decode_batch(encode_batch(1, [struct.pack("!BI", 2, 2**32 - 1)]))


@pytest.mark.parametrize(
    "record",
    [records.Grant(-1), records.Grant(2**64), records.Task(1, 1, 0, False, "x" * 70_000, b"")],
)
def test_what_does_not_fit_is_not_encoded(record: records.Record) -> None:
    with pytest.raises(ValueError, match="can't be encoded"):
        encode(record)
