"""Bytes <-> records: what a hub (the client) and its workers say to each other.

Every ZeroMQ message is one frame, a batch: all records that a side sends in one turn of its event
loop.

    batch    [version: 1][epoch: 4] record*
    record   [kind: 1][size: 4][payload: size bytes]

Numbers are unsigned and big-endian unless stated otherwise, texts are UTF-8, `rest` is the
remainder of the payload. The epoch numbers a worker's connections to one hub: a hub repeats the
epoch of the worker's HELLO, so that a worker recognizes records of an earlier connection.

    worker -> hub
     1 HELLO     [strict: 1][name size: 2][name][id size: 2][id], then for each queue
                 [weight: 2][name size: 2][name]   the worker is connected; once a connection
     2 GRANT     [granted: 8]                  slots for so many deliveries, in total since HELLO
     3 ACKS      [tag: 8]+                     these deliveries are done
     4 RELEASE   [tag: 8][delay: 8, IEEE 754]  deliver it again, in so many seconds
     5 RETURNS   [tag: 8]+                     these deliveries were not started
     6 BURY      [tag: 8][text: rest]          to the dead letters: reason, line feed, last error
     7 SUBMIT    [request: 4][delay: 8, IEEE 754][id size: 2][id][name size: 2][name]
                 [queue size: 2][queue][body: rest]   for the default queue if it is empty
     8 WATCH     [id: rest]                    send the result of this task when it is stored
     9 RECALL    []                            send what you can now, then use no more credit
    10 ANNOUNCE  [seconds: 8, IEEE 754][body: rest]   what the worker does, as JSON, for so long
    11 WITHDRAW  []                            ... which is over

    hub -> worker
    32 WELCOME   [session: 16]                 the hub accepts the worker
    33 TASK      [tag: 8][attempt: 4][unsettled: 4][aborted: 1][id size: 2][id][body: rest]
    34 WANT      []                            more tasks wait, and the credit is used up
    35 RECALLED  [granted: 8]                  what the total is after a RECALL
    36 PROBE     []                            has no effect; shows whether the connection stands
    37 STORED    [request: 4]                  the task of the SUBMIT is in the queue
    38 REFUSED   [request: 4][reason: rest]    ... or is not; request 0: the worker is refused
    39 PENDING   [id: rest]                    no result yet; it is sent when it is stored
    40 ABORT     [id: rest]                    abort this task

    both ways (tag 0 from the hub)
    64 RESULT    [tag: 8][id size: 2][id][body: rest]
    65 PROGRESS  [tag: 8][id size: 2][id][body: rest]
    66 GOODBYE   []                            this side closes

Decoding trusts nothing: sizes are checked before they are used, texts and the number of records are
bounded, and a batch is read as a whole or not at all.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, Final

from taskiq_core.brokers.queue_labels import MAX_QUEUE_NAME, MAX_SECONDS
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_zmq.options import MAX_TEXT
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.records import Record

VERSION: Final = 2
MAX_RECORDS: Final = 4_096
"""Records in one batch at most."""
MAX_NAME: Final = 1_024
"""Bytes of a worker's name, and of its id, at most."""
MAX_QUEUES: Final = 256
"""Queues that a worker may listen to."""
MAX_HELLO: Final = 65_536
"""Bytes of a HELLO at most."""
MAX_ANNOUNCED: Final = 262_144
"""Bytes of what a worker says of itself at most."""
MAX_NOTE: Final = 262_144
"""Bytes of the reason and last error of a dead letter at most."""
MAX_DELAY: Final = MAX_SECONDS
"""Seconds that a delivery can be delayed at most."""

_HEADER = struct.Struct("!BI")
_RECORD = struct.Struct("!BI")
_U16 = struct.Struct("!H")
_U32 = struct.Struct("!I")
_U64 = struct.Struct("!Q")
_F64 = struct.Struct("!d")
_RELEASE = struct.Struct("!Qd")
_WEIGHT = struct.Struct("!HH")
_SUBMIT = struct.Struct("!IdH")
_TASK = struct.Struct("!QII?H")
_VALUE = struct.Struct("!QH")
_SESSION_SIZE = 16

HEADER_SIZE: Final = _HEADER.size
"""Bytes before the first record of a batch."""


class FrameError(ValueError):
    """Bytes that are not a batch of this protocol; the text says why."""


def encode_parts(record: Record) -> tuple[bytes, bytes]:
    """Encode a record without copying its body.

    Returns:
        The head, and the body that follows it: empty for records without one.

    Raises:
        ValueError: a text or number of the record is larger than its field.
    """
    kind, head_of, body_of = _ENCODERS[type(record)]
    try:
        head = head_of(record)
    except struct.error as error:
        raise ValueError(f"{type(record).__name__} can't be encoded: {error}") from error
    body = b"" if body_of is None else body_of(record)
    return _RECORD.pack(kind, len(head) + len(body)) + head, body


def encode(record: Record) -> bytes:
    """Return a record as bytes.

    Raises:
        ValueError: a text or number of the record is larger than its field.
    """
    return b"".join(encode_parts(record))


def encode_batch(epoch: int, encoded: Iterable[bytes]) -> bytes:
    """Join encoded records, or the parts of them, to a batch."""
    return b"".join((_HEADER.pack(VERSION, epoch), *encoded))


def decode_batch(data: bytes) -> tuple[int, list[Record]]:
    """Return the epoch and the records of a batch.

    Raises:
        FrameError: the bytes are not a batch, or are of another version of the protocol.
    """
    if len(data) < HEADER_SIZE:
        raise FrameError(f"{len(data)} bytes are too few for a batch")
    version, epoch = _HEADER.unpack_from(data)
    if version != VERSION:
        raise FrameError(f"version {version} of the protocol, this side speaks {VERSION}")
    try:
        return epoch, list(_records_of(data))
    except KeyError as error:
        raise FrameError(f"unknown kind of record: {error}") from None
    except struct.error:
        raise FrameError("a record has the wrong size for its kind") from None
    except UnicodeDecodeError:
        raise FrameError("a text is not UTF-8") from None


def _records_of(data: bytes) -> Iterator[Record]:
    at, end = HEADER_SIZE, len(data)
    for _ in range(MAX_RECORDS):
        if at == end:
            return
        kind, size = _RECORD.unpack_from(data, at)
        start = at + _RECORD.size
        at = start + size
        if at > end:
            raise FrameError(f"a record claims {size} bytes, {end - start} are left")
        decode, limit = _DECODERS[kind]
        if size > limit:
            raise FrameError(f"a record of kind {kind} has {size} bytes, {limit} are allowed")
        yield decode(data[start:at])
    if at < end:
        raise FrameError(f"more than {MAX_RECORDS} records")


def _encode_tags(record: records.Acks | records.Returns) -> bytes:
    return struct.pack(f"!{len(record.tags)}Q", *record.tags)


def _decode_tags(payload: bytes) -> tuple[int, ...]:
    return struct.unpack(f"!{len(payload) // _U64.size}Q", payload)


def _encode_task(record: records.Task) -> bytes:
    tag, attempt, unsettled, aborted, task_id, _ = record
    raw_id = task_id.encode()
    return _TASK.pack(tag, attempt, unsettled, aborted, len(raw_id)) + raw_id


def _decode_task(payload: bytes) -> records.Task:
    tag, attempt, unsettled, aborted, id_size = _TASK.unpack_from(payload)
    task_id, at = _text(payload, _TASK.size, id_size)
    return records.Task(tag, attempt, unsettled, aborted, task_id, payload[at:])


def _encode_value(record: records.Result | records.Progress) -> bytes:
    tag, task_id, _ = record
    raw_id = task_id.encode()
    return _VALUE.pack(tag, len(raw_id)) + raw_id


def _decode_value(payload: bytes) -> tuple[int, str, bytes]:
    tag, id_size = _VALUE.unpack_from(payload)
    task_id, at = _text(payload, _VALUE.size, id_size)
    return tag, task_id, payload[at:]


def _encode_submit(record: records.Submit) -> bytes:
    task_id, name = record.task_id.encode(), record.task_name.encode()
    head = _SUBMIT.pack(record.request, record.delay, len(task_id))
    return b"".join((head, task_id, _sized(name), _sized(record.queue.encode())))


def _decode_submit(payload: bytes) -> records.Submit:
    request, delay, id_size = _SUBMIT.unpack_from(payload)
    task_id, at = _text(payload, _SUBMIT.size, id_size)
    name, at = _sized_text(payload, at)
    queue, at = _sized_text(payload, at)
    if queue:
        _check_queue(queue)
    return records.Submit(request, _checked(delay), task_id, name, payload[at:], queue)


def _encode_hello(record: records.Hello) -> bytes:
    name, worker_id = record.name.encode(), record.worker_id.encode()
    head = struct.pack("!?", record.is_strict) + _sized(name) + _sized(worker_id)
    queues = ((weight, queue.encode()) for queue, weight in record.queues)
    return head + b"".join(_WEIGHT.pack(weight, len(raw)) + raw for weight, raw in queues)


def _decode_hello(payload: bytes) -> records.Hello:
    (is_strict,) = struct.unpack_from("!?", payload)
    name, at = _sized_text(payload, 1, MAX_NAME)
    worker_id, at = _sized_text(payload, at, MAX_NAME)
    queues: dict[str, int] = {}
    while at < len(payload):
        weight, size = _WEIGHT.unpack_from(payload, at)
        queue, at = _text(payload, at + _WEIGHT.size, size)
        _check_queue(queue)
        if queue in queues or len(queues) == MAX_QUEUES:
            raise FrameError(f"a queue comes twice, or there are more than {MAX_QUEUES}")
        queues[queue] = weight
    try:
        if queues:
            QueueSelection(queues, is_strict)
    except ValueError as error:
        raise FrameError(str(error)) from None
    return records.Hello(name, worker_id, is_strict, tuple(queues.items()))


def _encode_announce(record: records.Announce) -> bytes:
    return _F64.pack(record.ttl)


def _decode_announce(payload: bytes) -> records.Announce:
    (ttl,) = _F64.unpack_from(payload)
    return records.Announce(_checked(ttl), payload[_F64.size :])


def _check_queue(name: str) -> None:
    if not (0 < len(name) <= MAX_QUEUE_NAME and name.isprintable()):
        raise FrameError(f"the name of a queue has 1 to {MAX_QUEUE_NAME} printable characters")


def _decode_release(payload: bytes) -> records.Release:
    tag, delay = _RELEASE.unpack(payload)
    return records.Release(tag, _checked(delay))


def _decode_welcome(payload: bytes) -> records.Welcome:
    if len(payload) != _SESSION_SIZE:
        raise FrameError("a session id has the wrong size")
    return records.Welcome(payload)


def _sized(raw: bytes) -> bytes:
    return _U16.pack(len(raw)) + raw


def _sized_text(payload: bytes, at: int, limit: int = MAX_TEXT) -> tuple[str, int]:
    (size,) = _U16.unpack_from(payload, at)
    if size > limit:
        raise FrameError(f"a text has {size} bytes, {limit} are allowed")
    return _text(payload, at + _U16.size, size)


def _text(payload: bytes, at: int, size: int) -> tuple[str, int]:
    end = at + size
    if end > len(payload):
        raise FrameError("a text is cut short")
    return payload[at:end].decode(), end


def _checked(delay: float) -> float:
    if not 0 <= delay <= MAX_DELAY:  # also false for NaN
        raise FrameError(f"a delay of {delay} seconds")
    return delay


def _fixed(layout: struct.Struct, cls: Callable[..., Record]) -> "_Codec":
    return (lambda record: layout.pack(*record)), (lambda payload: cls(*layout.unpack(payload)))


def _number_and_text(number: struct.Struct, cls: Callable[..., Record]) -> "_Codec":
    def decode(payload: bytes) -> Record:
        return cls(number.unpack_from(payload)[0], payload[number.size :].decode())

    return (lambda record: number.pack(record[0]) + record[1].encode()), decode


def _only_text(cls: Callable[[str], Record]) -> "_Codec":
    return (lambda record: record[0].encode()), (lambda payload: cls(payload.decode()))


_Codec = tuple[Callable[[Any], bytes], Callable[[bytes], Record]]
_NOTHING = struct.Struct("!")
_CODECS: dict[tuple[int, type[Record]], _Codec] = {
    (1, records.Hello): (_encode_hello, _decode_hello),
    (2, records.Grant): _fixed(_U64, records.Grant),
    (3, records.Acks): (_encode_tags, lambda payload: records.Acks(_decode_tags(payload))),
    (4, records.Release): (lambda record: _RELEASE.pack(*record), _decode_release),
    (5, records.Returns): (_encode_tags, lambda payload: records.Returns(_decode_tags(payload))),
    (6, records.Bury): _number_and_text(_U64, records.Bury),
    (7, records.Submit): (_encode_submit, _decode_submit),
    (8, records.Watch): _only_text(records.Watch),
    (9, records.Recall): _fixed(_NOTHING, records.Recall),
    (10, records.Announce): (_encode_announce, _decode_announce),
    (11, records.Withdraw): _fixed(_NOTHING, records.Withdraw),
    (32, records.Welcome): (lambda record: bytes(record.session), _decode_welcome),
    (33, records.Task): (_encode_task, _decode_task),
    (34, records.Want): _fixed(_NOTHING, records.Want),
    (35, records.Recalled): _fixed(_U64, records.Recalled),
    (36, records.Probe): _fixed(_NOTHING, records.Probe),
    (37, records.Stored): _fixed(_U32, records.Stored),
    (38, records.Refused): _number_and_text(_U32, records.Refused),
    (39, records.Pending): _only_text(records.Pending),
    (40, records.Abort): _only_text(records.Abort),
    (64, records.Result): (_encode_value, lambda data: records.Result(*_decode_value(data))),
    (65, records.Progress): (_encode_value, lambda data: records.Progress(*_decode_value(data))),
    (66, records.Goodbye): _fixed(_NOTHING, records.Goodbye),
}
_WITH_BODY = {
    records.Task,
    records.Submit,
    records.Announce,
    records.Result,
    records.Progress,
}
_BODY_OF: Callable[[Any], bytes] = attrgetter("body")
_LIMITS: dict[type[Record], int] = {
    records.Hello: MAX_HELLO,
    records.Announce: _F64.size + MAX_ANNOUNCED,
    records.Bury: _U64.size + MAX_NOTE,
    records.Watch: MAX_TEXT,
    records.Refused: _U32.size + MAX_TEXT,
    records.Pending: MAX_TEXT,
    records.Abort: MAX_TEXT,
}
"""Bytes of the payload at most; that of others is fixed, or bounded by the size of a frame."""
_UNLIMITED = 2**32
_ENCODERS = {
    cls: (kind, codec[0], _BODY_OF if cls in _WITH_BODY else None)
    for (kind, cls), codec in _CODECS.items()
}
_DECODERS = {
    kind: (codec[1], _LIMITS.get(cls, _UNLIMITED)) for (kind, cls), codec in _CODECS.items()
}
