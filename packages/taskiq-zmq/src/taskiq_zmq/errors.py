"""What can go wrong with tasks over ZeroMQ.

```
BrokerConnectionError
├── AddressError                an address can't be used
│   └── AddressInUseError       somebody listens there already
BrokerError
└── ClientOnlyError             a worker was asked for what only clients know
ListenError
├── NotAWorkerError             a client can't be listened to
└── AlreadyListeningError       a worker listens once
SendTaskError
├── NotStartedError             kiq before startup
├── QueueFullError              too many tasks wait
├── MessageTooLargeError        a task is larger than the broker takes
├── NoHubError                  a worker sends a task, and no client is there to take it
└── HubLostError                ... or left before it said that it has it
ResultGetError
├── ResultMissingError          there is none (yet)
├── ResultDroppedError          it was dropped for newer ones
└── ResultsClosedError          the broker stopped before it came
```
"""

from taskiq_core.exceptions import (
    BrokerConnectionError,
    BrokerError,
    ListenError,
    ResultGetError,
    SendTaskError,
)


class AddressError(BrokerConnectionError):
    """An address can't be bound, connected to or understood."""

    __template__ = "{broker} can't use the address {address}: {reason}"


class AddressInUseError(AddressError):
    """Another socket is bound to the address."""

    __template__ = (
        "{broker} can't bind {address}: {reason}. Another client runs there. Each client needs an "
        "address of its own: give this one another zmq_pub_host, and the workers a list of both as "
        "zmq_sub_host."
    )
    reason: str = "the address is in use"


class ClientOnlyError(BrokerError):
    """Only the client has the queue."""

    __template__ = (
        "A worker can't {action}: the queue is in the client. Ask there, after startup()."
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

    __template__ = "Somebody listens to this broker already: start another worker process"


class NotStartedError(SendTaskError):
    """A task was sent before the broker was started."""

    __template__ = (
        "Task {task_name!r} was not sent: the broker is not started. Call `await broker.startup()` "
        "before the first kiq, and `await broker.shutdown()` after the last."
    )


class QueueFullError(SendTaskError):
    """A task found no place in the queue in time."""

    __template__ = (
        "Task {task_name!r} was not sent: {queue_size} tasks wait and none was taken in "
        "{send_timeout} s, {workers} workers are connected. Start more workers, or raise "
        "ZeroMQBroker(queue_size=..., send_timeout=...)."
    )
    queue_size: int
    workers: int
    send_timeout: float


class MessageTooLargeError(SendTaskError):
    """A task is larger than the broker takes."""

    __template__ = (
        "Task {task_name!r} was not sent: it has {size} bytes, {limit} are allowed. Pass a "
        "reference to the data, or raise ZeroMQBroker(max_message_size=...) on the client and the "
        "workers."
    )
    size: int
    limit: int


class NoHubError(SendTaskError):
    """A worker sent a task, and no client is connected that could take it."""

    __template__ = (
        "Task {task_name!r} was not sent: this worker sends through a client, and none of "
        "{addresses} was reached in {send_timeout} s."
    )
    addresses: str
    send_timeout: float


class HubLostError(SendTaskError):
    """The client that was to take a worker's task left before it said that it has it."""

    __template__ = (
        "Task {task_name!r} may not have been sent: the client at {address} was lost, or did not "
        "answer in time."
    )
    address: str


class ResultMissingError(ResultGetError):
    """There is no result of this task here."""

    __template__ = (
        "There is no result of task {task_id} here (yet): wait_result waits for it. Results are "
        "kept by the client that sent the task, for {ttl} s."
    )
    task_id: str
    ttl: float


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
        "The result of task {task_id} can't come: its broker is not running in this process. It is "
        "kept here only between startup() and shutdown() of a ZeroMQBroker."
    )
    task_id: str
