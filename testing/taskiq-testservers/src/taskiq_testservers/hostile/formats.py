"""The formats that hostile input is thrown at, and what reading each of them may do."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.brokers.result_coding import ResultCoding
from taskiq_core.exceptions import (
    ResultGetError,
    SecurityError,
    TaskiqError,
    UnreadableMessageError,
)
from taskiq_core.flow.read import read_message, task_id_of
from taskiq_core.formatters.json_formatter import JSONFormatter
from taskiq_core.formatters.proxy_formatter import ProxyFormatter
from taskiq_core.messages.delivery import AckOnlyDelivery
from taskiq_core.messages.exception_records import (
    ExceptionRepr,
    exception_from_record,
    exception_to_record,
)
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.serializers.json_serializer import JSONSerializer
from taskiq_scheduler.errors import CronValueError
from taskiq_scheduler.ticks import next_tick
from taskiq_serializers import CBORSerializer, MSGPackSerializer, ORJSONSerializer
from taskiq_testservers.hostile.mutations import BINARY_FRAGMENTS, Fragments, encode_json
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.frames import FrameError, decode_batch, encode, encode_batch

MAX_ERROR: Final = 1_000
"""Characters of an error's text at most, whatever it is about."""
NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
MESSAGE: Final[dict[str, Any]] = {
    "task_id": "0123456789abcdef",
    "task_name": "work",
    "labels": {"timeout": "5", "delay": "1.5", "priority": "3", "_taskiq_requeue": "1", "x": "y"},
    "labels_types": {"timeout": 4, "delay": 4, "priority": 2, "_taskiq_requeue": 2, "x": 3},
    "args": [1, "text", [1, {"a": None}], {"b": [True, 2.5]}],
    "kwargs": {"number": 7, "nested": {"list": [[], {}]}},
}
SCHEDULES: Final[Sequence[dict[str, Any]]] = (
    {**MESSAGE, "schedule_id": "s", "cron": "*/5 * * * *", "cron_offset": "Europe/Berlin"},
    {**MESSAGE, "schedule_id": "s", "interval": 5, "missed": "all", "grace": 3.5},
    {**MESSAGE, "schedule_id": "s", "time": "2030-01-01T00:00:00Z", "enabled": False},
)


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        documents: valid ones, if it is a serialization of such.
        samples: valid bytes, if it is not.
        read: reads bytes; returns whether they could be read. Whatever it raises is a finding.
        encode: makes bytes of a document.
        fragments: hostile values as bytes of the format, besides those of JSON where it is that.
    """

    documents: Sequence[Any]
    samples: Sequence[bytes]
    read: Callable[[bytes], bool]
    encode: Callable[[Any], bytes] = encode_json
    fragments: Fragments | None = None


class _Holder:
    def __init__(self, serializer: TaskiqSerializer) -> None:
        self.serializer = serializer


def _error() -> BaseException:
    try:
        try:
            raise KeyError("inner", 3)
        except KeyError as inner:
            raise ExceptionGroup("group", [ValueError("a", 1), OSError(2, "no", "file")]) from inner
    except ExceptionGroup as error:
        error.add_note("a note")
        return error


def _result() -> TaskiqResult[Any]:
    return TaskiqResult(
        is_err=True,
        return_value={"a": [1, 2.5, None]},
        execution_time=1.5,
        log="log",
        labels={"_taskiq_fence": 7},
        error=_error(),
    )


def _messages(formatter: TaskiqFormatter) -> Callable[[bytes], bool]:
    def read(data: bytes) -> bool:
        delivery = AckOnlyDelivery(data, None)
        try:
            message = read_message(delivery, formatter)
        except UnreadableMessageError as error:
            if len(str(error)) > MAX_ERROR:
                raise AssertionError("an error that quotes its input") from None
            task_id_of(delivery)
            return False
        assert isinstance(message.task_id, str)
        assert isinstance(message.task_name, str)
        return True

    return read


def _results(coding: ResultCoding) -> Callable[[bytes], bool]:
    def read(data: bytes) -> bool:
        try:
            result = coding.loads(data, with_logs=True)
        except ResultGetError:
            return False
        if result.error is not None:
            assert isinstance(result.error, Exception), "what would end the program that waits"
            _show(result.error)
        return True

    return read


def _exceptions(data: bytes) -> bool:
    try:
        error = exception_from_record(ExceptionRepr.model_validate_json(data))
    except (ValidationError, SecurityError):
        return False
    assert isinstance(error, Exception), "what would end the program that waits"
    _show(error)
    return True


def _show(error: Exception) -> None:
    """What every program does with an exception."""
    str(error)
    repr(error)
    exception_to_record(error)


def _schedules(data: bytes) -> bool:
    try:
        schedule = ScheduledTask.model_validate_json(data)
    except ValidationError:
        return False
    try:
        next_tick(schedule, NOW)
    except (CronValueError, TaskiqError):
        return False
    return True


def _frames(data: bytes) -> bool:
    try:
        decode_batch(data)
    except FrameError:
        return False
    return True


def frame_samples() -> list[bytes]:
    """Batches with each kind of record."""
    body = json.dumps(MESSAGE).encode()
    all_records: list[records.Record] = [
        records.Hello("worker", "id", True, (("mails", 1), ("reports", 3))),
        records.Grant(10),
        records.Acks((1, 2, 3)),
        records.Release(1, 0.5),
        records.Returns((4, 5)),
        records.Bury(1, "reason\nerror"),
        records.Submit(1, 0.0, "id", "work", body, "mails"),
        records.Watch("id"),
        records.Recall(),
        records.Announce(15.0, body),
        records.Withdraw(),
        records.Welcome(bytes(16)),
        records.Task(1, 1, 0, False, "id", body),
        records.Want(),
        records.Recalled(5),
        records.Probe(),
        records.Stored(1),
        records.Refused(1, "reason"),
        records.Pending("id"),
        records.Abort("id"),
        records.Result(1, "id", body),
        records.Progress(1, "id", body),
    ]
    alone = [encode_batch(1, [encode(each)]) for each in all_records]
    return [
        *alone,
        encode_batch(1, map(encode, all_records)),
        encode_batch(1, [encode(records.Goodbye())]),
    ]


def formats() -> dict[str, Format]:
    """All formats, by name."""
    binary: dict[str, TaskiqSerializer] = {"cbor": CBORSerializer(), "msgpack": MSGPackSerializer()}
    texts: dict[str, TaskiqSerializer] = {
        "json": JSONSerializer(ensure_ascii=False),
        "orjson": ORJSONSerializer(),
    }
    result = ResultCoding().dumps(_result())
    plain_result = json.loads(result)
    record = json.loads(exception_to_record(_error()).model_dump_json())
    found = {
        "messages": Format([MESSAGE], [], _messages(JSONFormatter())),
        "results": Format([plain_result], [], _results(ResultCoding())),
        "exception records": Format([record], [], _exceptions),
        "schedules": Format(SCHEDULES, [], _schedules),
        "ZeroMQ frames": Format([], frame_samples(), _frames),
    }
    for name, serializer in {**texts, **binary}.items():
        holder = _Holder(_subclassed(serializer) if name == "json" else serializer)
        encode = serializer.dumpb if name in BINARY_FRAGMENTS else encode_json
        fragments = BINARY_FRAGMENTS.get(name)
        found[f"messages in {name}"] = Format(
            [MESSAGE], [], _messages(ProxyFormatter(holder)), encode, fragments
        )
        found[f"results in {name}"] = Format(
            [plain_result], [], _results(ResultCoding(serializer)), encode, fragments
        )
    for name, each in found.items():
        valid = [*map(each.encode, each.documents), *each.samples]
        assert all(map(each.read, valid)), f"{name}: a valid sample can't be read"
    return found


def _subclassed(serializer: TaskiqSerializer) -> TaskiqSerializer:
    """One that does not take the compiled path of the default serializer."""

    class Other(JSONSerializer):
        pass

    return Other()
