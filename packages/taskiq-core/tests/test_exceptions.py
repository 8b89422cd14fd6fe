"""Errors: their texts, their fields, their tree."""

import copy
import pickle
import re
from typing import Any, ClassVar

import pytest

from taskiq_core import exceptions
from taskiq_core.error_template import Error
from taskiq_core.messages.exception_records import UnknownRemoteError

EXAMPLES: list[tuple[type[Error], dict[str, Any], str]] = [
    (exceptions.TaskiqError, {}, "Exception occurred"),
    (exceptions.BrokerError, {}, "Base exception for all broker errors"),
    (
        exceptions.BrokerConnectionError,
        {"broker": "RedisBroker", "address": "localhost:1", "reason": "refused"},
        "RedisBroker can't reach its server at localhost:1: refused",
    ),
    (
        exceptions.CapabilityError,
        {"broker": "B", "action": "abort tasks", "capability": "abort_running"},
        (
            "B can't abort tasks: it lacks the capability 'abort_running'. Use a broker that has "
            "it; `taskiq plugins --capabilities` lists them."
        ),
    ),
    (
        exceptions.UnsupportedLabelError,
        {"broker": "B", "capability": "delay", "task_name": "t", "label": "delay"},
        (
            "Task 't' asks for 'delay', which B can't do. Remove the label, or use a broker with "
            "the capability 'delay': `taskiq plugins --capabilities` lists them."
        ),
    ),
    (
        exceptions.SendTaskError,
        {},
        "Cannot send task '?' to the queue: the exception that caused this one says why",
    ),
    (
        exceptions.SharedBrokerSendTaskError,
        {},
        (
            "You cannot use kiq directly on shared task: it has no broker to be sent with. Call "
            "async_shared_broker.default_broker(broker) first, or name one with "
            ".kicker().with_broker(broker)"
        ),
    ),
    (
        exceptions.BlockingCallError,
        {"reason": "another thread has closed it meanwhile"},
        "BlockingClient can't wait: another thread has closed it meanwhile.",
    ),
    (
        exceptions.UnknownTaskError,
        {"task_name": "t"},
        (
            "Cannot send unknown task to the queue, task name - t. Import the module that declares "
            "it, or declare it on this broker."
        ),
    ),
    (
        exceptions.TaskArgumentError,
        {"task_name": "t", "argument": "number 1 (x.Y)", "reason": "no"},
        (
            "Task 't' was not sent: its argument number 1 (x.Y) can't be serialized (no). Pass "
            "plain data, a pydantic model or a dataclass, or set another serializer with "
            "broker.with_serializer(...)."
        ),
    ),
    (
        exceptions.DuplicateKeyError,
        {"task_name": "t", "unique_key": "k", "holder": "1"},
        (
            "Task 't' was not sent: task 1 has the unique key 'k', and keeps it until it has "
            "ended. Send it then, or wait for the result of 1 instead."
        ),
    ),
    (
        exceptions.MessageTooLargeError,
        {"task_name": "t", "size": 3, "limit": 2},
        (
            "Task 't' was not sent: it has 3 bytes, 2 are allowed. Pass a reference to the data, "
            "or raise max_message_size of the broker."
        ),
    ),
    (
        exceptions.ResultMissingError,
        {"task_id": "1", "place": "Redis"},
        (
            "There is no result of task 1 in Redis: it has not ended yet, or its result has "
            "expired or was deleted. wait_result waits for it."
        ),
    ),
    (exceptions.UrlOptionError, {"reason": "unknown option 'x'"}, "unknown option 'x'"),
    (exceptions.BrokerSetupError, {}, "The broker can't work as it is set up"),
    (exceptions.ListenError, {}, "Exception occurred"),
    (
        exceptions.SharedBrokerListenError,
        {},
        "Shared broker cannot listen: start the worker with a real broker",
    ),
    (
        exceptions.TaskCallError,
        {"task_name": "t", "reason": "'b' must be given", "parameters": "a, b"},
        "Task 't' was not sent: 'b' must be given. It is called with (a, b).",
    ),
    (
        exceptions.TaskArgumentValueError,
        {"task_name": "t", "argument": "1", "annotation": "int", "reason": "not a number"},
        ("Task 't' was not run: its argument 1 does not fit the annotation int (not a number)"),
    ),
    (
        exceptions.TaskDefinitionError,
        {"function": "f", "reason": "it can't be called"},
        "f can't be a task: it can't be called",
    ),
    (
        exceptions.UnreadableMessageError,
        {"size": 3, "reason": "ValueError: no JSON"},
        "A message of 3 bytes can't be read: ValueError: no JSON",
    ),
    (
        exceptions.LeaseLostError,
        {"reason": "it ran out"},
        "The lease on the delivery is lost: it ran out",
    ),
    (exceptions.ResultBackendError, {}, "Base exception for all result backend errors"),
    (exceptions.ResultGetError, {}, "Cannot get result for the task"),
    (
        exceptions.ResultBackendMissingError,
        {"task_id": "1"},
        (
            "The result of task 1 can't be read: this broker has no result backend. Give it one "
            "with broker.with_result_backend(...)."
        ),
    ),
    (exceptions.ResultSetError, {}, "Cannot save result for the task"),
    (
        exceptions.ResultSerializationError,
        {"task_name": "t", "task_id": "1", "part": "labels", "reason": "no"},
        (
            "Task 't' (1) ran, but its labels can't be serialized (no). Use plain data, pydantic "
            "models or dataclasses."
        ),
    ),
    (exceptions.ResultIsReadyError, {}, "Cannot find out whether the task is ready"),
    (
        exceptions.TaskiqResultTimeoutError,
        {"timeout": 0.5},
        "Waiting for task results has timed out, timeout=0.5",
    ),
    (exceptions.NoResultError, {}, "Task doesn't have a result"),
    (exceptions.TaskRetryError, {"delay": 2.0}, "Task is to be delivered again in 2.0 s"),
    (exceptions.TaskRejectedError, {}, "Task was rejected"),
    (
        exceptions.TaskBrokerMismatchError,
        {"broker": "B"},
        "Task cannot be executed, because it belongs to another broker: B",
    ),
    (
        exceptions.TaskAbortedError,
        {"task_name": "t", "task_id": "1"},
        "Task 't' (1) was aborted",
    ),
    (
        exceptions.WorkerShutdownError,
        {"task_name": "t", "task_id": "1"},
        "The worker of task 't' (1) shuts down; the task is given back",
    ),
    (
        exceptions.TaskProcessError,
        {"exitcode": -9},
        (
            "The process that ran the task ended with exit code -9. Negative codes are signals: "
            "-9 is what a system that runs out of memory sends, -11 a crash in native code."
        ),
    ),
    (
        exceptions.TaskProcessAnswerError,
        {"exitcode": -9},
        (
            "The process that ran the task answered for another call, so what the task returned "
            "is unknown, and the process was ended. Something in it writes to the pipe of the "
            "pool: a process that a task forked, perhaps."
        ),
    ),
    (
        exceptions.TaskExpiredError,
        {"task_name": "t", "task_id": "i", "expires": 2.5},
        (
            "Task 't' (i) was not started within the 2.5 s that its label 'expires' gives it; it "
            "is among the dead letters"
        ),
    ),
    (
        exceptions.TaskTimeoutError,
        {"task_name": "t", "task_id": "1", "timeout": 3.0},
        "Task 't' (1) ran longer than its timeout of 3.0 s",
    ),
    (
        exceptions.TaskUnregisteredError,
        {"task_name": "t", "task_id": "1"},
        (
            "No worker knows the task 't' (1). Does the worker import the module that declares it? "
            "`taskiq tasks BROKER [MODULES...]` lists what it knows."
        ),
    ),
    (
        exceptions.MaxDeliveriesError,
        {"task_name": "t", "task_id": "1", "deliveries": 5},
        (
            "Task 't' (1) was delivered 5 times without being settled: its workers died or lost it "
            "each time. It is given up."
        ),
    ),
    (
        exceptions.SecurityError,
        {"description": "no"},
        "Security exception occurred: no",
    ),
    (exceptions.ScheduledTaskCancelledError, {}, "Scheduled task was cancelled"),
    (exceptions.ScheduleError, {}, "Exception occurred"),
    (
        exceptions.ScheduleRefusedError,
        {"schedule_id": "s", "task_name": "tkq:add", "reason": "it would never fire"},
        "Task 'tkq:add' is not scheduled (schedule 's'): it would never fire",
    ),
    (
        UnknownRemoteError,
        {"remote_type": "app.Gone", "remote_args": (1,)},
        "app.Gone: (1,)",
    ),
]


@pytest.mark.parametrize(
    ("cls", "fields", "text"), EXAMPLES, ids=lambda value: getattr(value, "__name__", "")
)
def test_says_what_happened_and_survives_pickle_and_copy(
    cls: type[Error], fields: dict[str, Any], text: str
) -> None:
    error = cls(**fields)

    for same in (error, pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(same) is cls
        assert str(same) == text
        assert all(getattr(same, name) == value for name, value in fields.items())
        assert repr(same) == repr(error)


def test_every_error_has_an_example() -> None:
    defined = {
        cls
        for cls in vars(exceptions).values()
        if isinstance(cls, type) and issubclass(cls, exceptions.TaskiqError)
    }

    assert defined <= {cls for cls, _, _ in EXAMPLES}


def test_missing_and_unknown_fields_are_refused() -> None:
    class DoubleError(Error):
        first: int
        second: int

    with pytest.raises(TypeError, match=r"^Missing arguments: 'first', 'second'$"):
        DoubleError()
    with pytest.raises(TypeError, match=r"^Undeclared arguments: 'third', 'fourth'$"):
        DoubleError(first=1, second=2, third=3, fourth=4)


def test_args_are_the_text_and_follow_the_fields() -> None:
    error = exceptions.UnknownTaskError(task_name="a")
    assert error.args == (str(error),)

    error.task_name = "b"

    assert "b" in error.args[0]


def test_fields_are_all_annotations_in_their_order() -> None:
    class BaseError(Error):
        __template__ = "{_code} {limit} {name}"
        _code: int
        limit: ClassVar[int] = 5

    class OwnError(BaseError):
        name: str
        _hint: str = "none"

    error = OwnError(name="x", _code=1)

    assert str(error) == "1 5 x"
    assert repr(error) == (
        f"{__name__}.test_fields_are_all_annotations_in_their_order.<locals>.OwnError"
        "(_code=1, limit=5, name='x', _hint='none')"
    )


def test_template_with_an_unknown_field_is_refused_when_the_error_is_made() -> None:
    class VagueError(Error):
        __template__ = "{known} {x.real} {y}"
        known: int

    with pytest.raises(ValueError, match=r"^Fields must be annotated: 'x', 'y'$"):
        VagueError(known=1)


def test_tree_in_the_documentation_is_the_real_one() -> None:
    drawn: list[tuple[str, str]] = []
    ancestors: list[tuple[int, str]] = []
    for line in (exceptions.__doc__ or "").split("```")[1].splitlines():
        match = re.match(r"^([│├└─ ]*)(\w+)", line)
        if match is None:
            continue
        depth, name = len(match[1]), match[2]
        while ancestors and ancestors[-1][0] >= depth:
            ancestors.pop()
        if ancestors:
            drawn.append((name, ancestors[-1][1]))
        ancestors.append((depth, name))

    real = [
        (cls.__name__, cls.__bases__[0].__name__)
        for cls in vars(exceptions).values()
        if isinstance(cls, type) and issubclass(cls, exceptions.TaskiqError)
    ]
    assert sorted(drawn) == sorted(real)


def test_timeout_of_a_task_is_a_timeout_error() -> None:
    assert issubclass(exceptions.TaskTimeoutError, TimeoutError)
