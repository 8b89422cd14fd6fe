"""What can go wrong with tasks over ZeroMQ.

```
BrokerConnectionError
├── AddressError                an address can't be used
│   └── AddressInUseError       another socket is bound to it
BrokerError
└── ClientOnlyError             a worker was asked for something that only clients know
ListenError
├── NotAWorkerError             deliveries were asked of a client
└── AlreadyListeningError       deliveries were asked of a worker a second time
SendTaskError
├── NotStartedError             kiq before startup
├── QueueFullError              too many tasks wait
├── MessageTooLargeError        a task is larger than the broker takes (of taskiq-core)
├── NoHubError                  a worker sent a task, and no client was connected
└── HubLostError                ... or the client left before it confirmed the task
ResultGetError
├── ResultMissingError          there is no result yet (of taskiq-core)
├── ResultDroppedError          the result was dropped for newer ones
└── ResultsClosedError          the broker stopped before the result came
```
"""

from taskiq_core.exceptions import (
    BrokerConnectionError,
    BrokerError,
    ListenError,
    MessageTooLargeError,
    ResultGetError,
    ResultMissingError,
    SendTaskError,
)

__all__ = [
    "AddressError",
    "AddressInUseError",
    "AlreadyListeningError",
    "ClientOnlyError",
    "HubLostError",
    "MessageTooLargeError",
    "NoHubError",
    "NotAWorkerError",
    "NotStartedError",
    "QueueFullError",
    "ResultDroppedError",
    "ResultMissingError",
    "ResultsClosedError",
]


class AddressError(BrokerConnectionError):
    """An address can't be bound, connected to or parsed."""

    __template__ = "{broker} can't use the address {address}: {reason}"


class AddressInUseError(AddressError):
    """Another socket is bound to the address."""

    __template__ = (
        "{broker} can't bind {address}: {reason}. Another client runs there. Each client needs an "
        "address of its own: give this one another zmq_pub_host, and give workers a list of both "
        "addresses as zmq_sub_host."
    )
    reason: str = "the address is in use"


class ClientOnlyError(BrokerError):
    """Only the client has the queue."""

    __template__ = (
        "A worker can't {action}: the queue is in the client. Ask the client, after startup()."
    )
    action: str


class NotAWorkerError(ListenError):
    """Only a worker process gets deliveries."""

    __template__ = (
        "This broker gets no deliveries: it runs as a client, or is not started. Run `taskiq "
        "worker`, or set broker.is_worker_process = True before startup()."
    )


class AlreadyListeningError(ListenError):
    """The broker's deliveries go to one listener."""

    __template__ = "This broker has a listener already: start another worker process"


class NotStartedError(SendTaskError):
    """A task was sent before the broker was started."""

    __template__ = (
        "Task {task_name!r} was not sent: the broker is not started. Call `await broker.startup()` "
        "before the first kiq, and `await broker.shutdown()` after the last."
    )


class QueueFullError(SendTaskError):
    """The queue stayed full for `send_timeout` seconds."""

    __template__ = (
        "Task {task_name!r} was not sent: the queue is full with {queue_size} tasks, and stayed so "
        "for {send_timeout} s; {workers} workers are connected. Start more workers, or raise "
        "ZeroMQBroker(queue_size=..., send_timeout=...)."
    )
    queue_size: int
    workers: int
    send_timeout: float


class NoHubError(SendTaskError):
    """A worker sent a task, and no client was connected."""

    __template__ = (
        "Task {task_name!r} was not sent: this worker sends through a client, and did not reach "
        "one at {addresses} in {send_timeout} s."
    )
    addresses: str
    send_timeout: float


class HubLostError(SendTaskError):
    """The client was lost before it confirmed a worker's task."""

    __template__ = (
        "Task {task_name!r} may not have been sent: the client at {address} was lost, or did not "
        "answer in time."
    )
    address: str


class ResultDroppedError(ResultGetError):
    """The result was here and is not kept any more."""

    __template__ = (
        "The result of task {task_id} was dropped: the latest {max_results} are kept, each for "
        "{ttl} s. Raise ZeroMQResultBackend(max_results=..., ttl=...), or read results as they "
        "come."
    )
    task_id: str
    max_results: int
    ttl: float


class ResultsClosedError(ResultGetError):
    """No result can come: the broker is not running."""

    __template__ = (
        "The result of task {task_id} can't come: its broker is not running in this process. "
        "Results are kept here only between startup() and shutdown() of a ZeroMQBroker."
    )
    task_id: str
