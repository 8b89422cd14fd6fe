"""Every error says what happened and what to do, and survives pickle and copy."""

import copy
import pickle

import pytest

from taskiq_core.exceptions import BrokerConnectionError, SendTaskError, TaskiqError
from taskiq_zmq import errors

ERRORS: list[tuple[TaskiqError, str]] = [
    (
        errors.AddressError(broker="B", address="tcp://x:1", reason="why"),
        "B can't use the address tcp://x:1: why",
    ),
    (
        errors.AddressInUseError(broker="B", address="tcp://x:1"),
        (
            "B can't bind tcp://x:1: the address is in use. Another client runs there. Each client "
            "needs an address of its own: give this one another zmq_pub_host, and give workers a "
            "list of both addresses as zmq_sub_host."
        ),
    ),
    (
        errors.ClientOnlyError(action="purge the queue"),
        (
            "A worker can't purge the queue: the queue is in the client. Ask the client, after "
            "startup()."
        ),
    ),
    (
        errors.NotAWorkerError(),
        (
            "This broker gets no deliveries: it runs as a client, or is not started. Run `taskiq "
            "worker`, or set broker.is_worker_process = True before startup()."
        ),
    ),
    (
        errors.AlreadyListeningError(),
        "This broker has a listener already: start another worker process",
    ),
    (
        errors.NotStartedError(task_name="t"),
        (
            "Task 't' was not sent: the broker is not started. Call `await broker.startup()` "
            "before the first kiq, and `await broker.shutdown()` after the last."
        ),
    ),
    (
        errors.QueueFullError(task_name="t", queue_size=5, workers=0, send_timeout=1.0),
        (
            "Task 't' was not sent: the queue is full with 5 tasks, and stayed so for 1.0 s; 0 "
            "workers are connected. Start more workers, or raise ZeroMQBroker(queue_size=..., "
            "send_timeout=...)."
        ),
    ),
    (
        errors.NoHubError(task_name="t", addresses="tcp://x:1", send_timeout=1.0),
        (
            "Task 't' was not sent: this worker sends through a client, and did not reach one at "
            "tcp://x:1 in 1.0 s."
        ),
    ),
    (
        errors.HubLostError(task_name="t", address="tcp://x:1"),
        (
            "Task 't' may not have been sent: the client at tcp://x:1 was lost, or did not answer "
            "in time."
        ),
    ),
    (
        errors.ResultDroppedError(task_id="i", max_results=3, ttl=9.0),
        (
            "The result of task i was dropped: the latest 3 are kept, each for 9.0 s. Raise "
            "ZeroMQResultBackend(max_results=..., ttl=...), or read results as they come."
        ),
    ),
    (
        errors.ResultsClosedError(task_id="i"),
        (
            "The result of task i can't come: its broker is not running in this process. "
            "Results are kept here only between startup() and shutdown() of a ZeroMQBroker."
        ),
    ),
]


@pytest.mark.parametrize(("error", "text"), ERRORS, ids=lambda value: type(value).__name__)
def test_says_what_happened_and_what_to_do(error: TaskiqError, text: str) -> None:
    assert str(error) == text
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == text


def test_all_are_tested() -> None:
    own = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }

    assert {type(error) for error, _ in ERRORS} == own


def test_are_caught_by_the_classes_of_core() -> None:
    assert issubclass(errors.QueueFullError, SendTaskError)
    assert issubclass(errors.AddressInUseError, BrokerConnectionError)
