"""The errors of taskiq, as one tree.

```
Error
└── TaskiqError
    ├── BrokerError                       something is wrong with a broker
    │   ├── BrokerConnectionError         its server can't be reached
    │   ├── BrokerSetupError              it is set up wrong: to try again does not help
    │   ├── CapabilityError               it can't do what was asked for
    │   │   └── UnsupportedLabelError     ... by a label
    │   └── SendTaskError                 a task was not sent
    │       ├── SharedBrokerSendTaskError     the shared broker has no broker to send with
    │       ├── UnknownTaskError              this broker can't run a task of that name
    │       ├── TaskArgumentError             an argument can't be serialized
    │       │   ├── TaskCallError                 its function takes others (also a TypeError)
    │       │   └── TaskArgumentValueError        it does not fit its annotation (also a ValueError)
    │       ├── DuplicateKeyError             its unique key belongs to another message
    │       └── MessageTooLargeError          its broker takes no message of that size
    ├── ListenError
    │   └── SharedBrokerListenError
    ├── TaskDefinitionError               a function can't be a task
    ├── BlockingCallError                 a BlockingClient can't wait here
    ├── UnreadableMessageError            bytes that are no message
    ├── LeaseLostError                    a delivery belongs to another worker now
    ├── ResultBackendError
    │   ├── ResultGetError
    │   │   ├── ResultBackendMissingError     results are not kept at all
    │   │   └── ResultMissingError            there is no result of this task
    │   ├── ResultSetError
    │   │   └── ResultSerializationError      a return value can't be serialized
    │   └── ResultIsReadyError
    ├── TaskiqResultTimeoutError          the caller waited long enough
    ├── NoResultError                     control flow: store no result
    │   └── TaskRetryError                control flow: deliver the message again
    ├── TaskRejectedError                 the task gave its message up
    │   └── TaskBrokerMismatchError
    ├── TaskAbortedError                  somebody asked for it
    ├── TaskExpiredError                  it was not started in the time of its `expires` label
    ├── TaskTimeoutError                  its `timeout` label ran out (also a TimeoutError)
    ├── WorkerShutdownError               its worker ends, another one will run it
    ├── TaskProcessError                  the process that ran it died, or was killed
    │   └── TaskProcessAnswerError        ... as it answered for another call
    ├── TaskUnregisteredError             no worker knew the task during the grace period
    ├── MaxDeliveriesError                its workers died too often
    ├── UrlOptionError                    an option in a URL is unknown, or can't be read
    ├── SecurityError                     untrusted data asked for something dangerous
    ├── ScheduleError
    │   └── ScheduleRefusedError          a schedule that would never fire is not added
    └── ScheduledTaskCancelledError       control flow: skip this tick
```
"""

from typing import Any

from taskiq_core.error_template import Error


class TaskiqError(Error):
    """Base of all errors that taskiq raises."""


class BrokerError(TaskiqError):
    """A broker could not do its work."""

    __template__ = "Base exception for all broker errors"


class BrokerConnectionError(BrokerError):
    """The server behind a broker can't be reached."""

    __template__ = "{broker} can't reach its server at {address}: {reason}"
    broker: str
    address: str
    reason: str


class BrokerSetupError(BrokerError):
    """A broker can't work as it is set up: a worker ends, and does not try again.

    Brokers raise a subclass for what no time will mend: a password that is wrong, a right that is
    missing, a folder that does not exist.
    """

    __template__ = "The broker can't work as it is set up"


class CapabilityError(BrokerError):
    """A broker was asked for something that it does not declare in `capabilities`."""

    __template__ = (
        "{broker} can't {action}: it lacks the capability '{capability}'. "
        "Use a broker that has it; `taskiq plugins --capabilities` lists them."
    )
    broker: str
    action: str
    capability: str


class UnsupportedLabelError(CapabilityError):
    """A task carries a label that its broker can neither honour nor have emulated."""

    __template__ = (
        "Task {task_name!r} asks for {label!r}, which {broker} can't do. Remove the label, or use "
        "a broker with the capability '{capability}': `taskiq plugins --capabilities` lists them."
    )
    action: str = "honour a label"
    task_name: str
    label: str


class SendTaskError(BrokerError):
    """A task was not sent; the exception that prevented it is the `__cause__`."""

    __template__ = "Cannot send task {task_name!r} to the queue: {reason}"
    task_name: str = "?"
    reason: str = "the exception that caused this one says why"


class SharedBrokerSendTaskError(SendTaskError):
    """A shared task was sent before it was known where to."""

    __template__ = (
        "You cannot use kiq directly on shared task: it has no broker to be sent with. Call "
        "async_shared_broker.default_broker(broker) first, or name one with "
        ".kicker().with_broker(broker)"
    )


class UnknownTaskError(SendTaskError):
    """A broker that runs tasks in this process does not know a task of that name."""

    __template__ = (
        "Cannot send unknown task to the queue, task name - {task_name}. "
        "Import the module that declares it, or declare it on this broker."
    )
    task_name: str


class TaskArgumentError(SendTaskError):
    """An argument can't be serialized; nothing was sent."""

    __template__ = (
        "Task {task_name!r} was not sent: its argument {argument} can't be serialized ({reason}). "
        "Pass plain data, a pydantic model or a dataclass, or set another serializer with "
        "broker.with_serializer(...)."
    )
    task_name: str
    argument: str
    reason: str


class TaskCallError(TaskArgumentError, TypeError):
    """A task was called with arguments that its function does not take; nothing was sent."""

    __template__ = "Task {task_name!r} was not sent: {reason}. It is called with ({parameters})."
    argument: str = "?"
    parameters: str


class TaskArgumentValueError(TaskArgumentError, ValueError):
    """An argument does not fit its annotation, and the task asks for that; it was not run."""

    __template__ = (
        "Task {task_name!r} was not run: its argument {argument} does not fit the annotation "
        "{annotation} ({reason})"
    )
    annotation: str


class DuplicateKeyError(SendTaskError):
    """A message with the same unique key waits, or is with a worker."""

    __template__ = (
        "Task {task_name!r} was not sent: task {holder} has the unique key {unique_key!r}, and "
        "keeps it until it has ended. Send it then, or wait for the result of {holder} instead."
    )
    unique_key: str
    holder: str


class MessageTooLargeError(SendTaskError):
    """A task is larger than the broker takes."""

    __template__ = (
        "Task {task_name!r} was not sent: it has {size} bytes, {limit} are allowed. Pass a "
        "reference to the data, or raise max_message_size of the broker."
    )
    size: int
    limit: int


class ListenError(TaskiqError):
    """A broker can't be listened to."""


class SharedBrokerListenError(ListenError):
    """The shared broker only declares tasks; workers listen to real ones."""

    __template__ = "Shared broker cannot listen: start the worker with a real broker"


class TaskDefinitionError(TaskiqError):
    """A function can't be run as a task."""

    __template__ = "{function} can't be a task: {reason}"
    function: str
    reason: str


class BlockingCallError(TaskiqError, RuntimeError):
    """A call of a BlockingClient can't be made here, or can't be finished."""

    __template__ = "BlockingClient can't wait: {reason}."
    reason: str


class UnreadableMessageError(TaskiqError):
    """The bytes of a delivery are not a message in this broker's format.

    Attributes:
        size: in bytes.
        reason: what the formatter raised, or what the broker says of its record.
        remark: how this worker reads messages, and how this one begins.
    """

    __template__ = "A message of {size} bytes can't be read: {reason}{remark}"
    size: int
    reason: str
    remark: str = ""


class LeaseLostError(TaskiqError):
    """The lease on a delivery ran out and the message belongs to another worker now."""

    __template__ = "The lease on the delivery is lost: {reason}"
    reason: str


class ResultBackendError(TaskiqError):
    """A result backend could not do its work."""

    __template__ = "Base exception for all result backend errors"


class ResultGetError(ResultBackendError):
    """A result can't be read."""

    __template__ = "Cannot get result for the task"


class ResultBackendMissingError(ResultGetError):
    """A result is needed, and the broker has no result backend."""

    __template__ = (
        "The result of task {task_id} can't be read: this broker has no result backend. "
        "Give it one with broker.with_result_backend(...)."
    )
    task_id: str


class ResultMissingError(ResultGetError):
    """There is no result of this task."""

    __template__ = (
        "There is no result of task {task_id} in {place}: it has not ended yet, or its result has "
        "expired or was deleted. wait_result waits for it."
    )
    task_id: str
    place: str


class ResultSetError(ResultBackendError):
    """A result can't be stored."""

    __template__ = "Cannot save result for the task"


class ResultSerializationError(ResultSetError):
    """A task returned something that can't be serialized; stored in place of its result."""

    __template__ = (
        "Task {task_name!r} ({task_id}) ran, but its {part} can't be serialized ({reason}). Use "
        "plain data, pydantic models or dataclasses."
    )
    task_name: str
    task_id: str
    part: str
    reason: str


class ResultIsReadyError(ResultBackendError):
    """The result backend can't find out whether a result is ready."""

    __template__ = "Cannot find out whether the task is ready"


class TaskiqResultTimeoutError(TaskiqError):
    """The result did not arrive in the time the caller gave.

    Attributes:
        timeout: seconds that the caller gave.
        task_id: of the task; None where several were waited for.
    """

    __template__ = "Waiting for task results has timed out, timeout={timeout}"
    timeout: float | None = None
    task_id: str | None = None

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.task_id is None else f"{text}, task {self.task_id}"


class NoResultError(TaskiqError):
    """Raised by a task, or set on `result.error` by a middleware: no result is stored."""

    __template__ = "Task doesn't have a result"


class TaskRetryError(NoResultError):
    """Raised by a task, or set on `result.error` by a middleware: deliver the message again.

    Attributes:
        delay: seconds before the next delivery.
        is_failure: whether the attempt counts as failed, in the label `_retries`; a requeue by the
            task itself does not.
    """

    __template__ = "Task is to be delivered again in {delay} s"
    delay: float = 0.0
    is_failure: bool = False


class TaskRejectedError(TaskiqError):
    """The task gave its message up: it is buried where the broker has dead letters."""

    __template__ = "Task was rejected"


class TaskBrokerMismatchError(TaskRejectedError):
    """A message reached a task that belongs to another broker."""

    __template__ = "Task cannot be executed, because it belongs to another broker: {broker}"
    broker: Any


class TaskAbortedError(TaskiqError):
    """The task was aborted, by `task.abort()` or a command."""

    __template__ = "Task {task_name!r} ({task_id}) was aborted{remark}"
    task_name: str
    task_id: str
    remark: str = ""


class TaskExpiredError(TaskiqError):
    """The task was not started within the time of its label `expires`."""

    __template__ = (
        "Task {task_name!r} ({task_id}) was not started within the {expires:g} s that its label "
        "'expires' gives it; it is among the dead letters"
    )
    task_name: str
    task_id: str
    expires: float


class TaskTimeoutError(TaskiqError, TimeoutError):
    """A task ran longer than its `timeout` label allows."""

    __template__ = (
        "Task {task_name!r} ({task_id}) ran longer than its timeout of {timeout} s{remark}"
    )
    task_name: str
    task_id: str
    timeout: float
    remark: str = ""


class WorkerShutdownError(TaskiqError):
    """The reason that a running task finds when its worker ends; its message is given back."""

    __template__ = "The worker of task {task_name!r} ({task_id}) shuts down; the task is given back"
    task_name: str
    task_id: str


class TaskProcessError(TaskiqError):
    """The process that ran a plain function ended before the function did."""

    __template__ = (
        "The process that ran the task ended with exit code {exitcode}. Negative codes are "
        "signals: -9 is what a system that runs out of memory sends, -11 a crash in native code."
    )
    exitcode: int | None


class TaskProcessAnswerError(TaskProcessError):
    """The process that ran a plain function sent an answer that was not for this call."""

    __template__ = (
        "The process that ran the task answered for another call, so what the task returned is "
        "unknown, and the process was ended. Something in it writes to the pipe of the pool: a "
        "process that a task forked, perhaps."
    )


class TaskUnregisteredError(TaskiqError):
    """No worker knew the task during the grace period; its message is buried."""

    __template__ = (
        "No worker knows the task {task_name!r} ({task_id}). Does the worker import the "
        "module that declares it? `taskiq tasks BROKER [MODULES...]` lists what it knows."
    )
    task_name: str
    task_id: str


class MaxDeliveriesError(TaskiqError):
    """A task was delivered too often without being settled; its message is buried."""

    __template__ = (
        "Task {task_name!r} ({task_id}) was delivered {deliveries} times without being settled: "
        "its workers died or lost it each time. It is given up."
    )
    task_name: str
    task_id: str
    deliveries: int


class UrlOptionError(TaskiqError, ValueError):
    """An option in the query of a URL is unknown, or its value can't be read.

    The message does not hold the URL, which may have a password.
    """

    __template__ = "{reason}"
    reason: str


class SecurityError(TaskiqError):
    """Untrusted data asked for something that only code may ask for."""

    __template__ = "Security exception occurred: {description}"
    description: str


class ScheduleError(TaskiqError):
    """Base of what can go wrong with schedules."""


class ScheduleRefusedError(ScheduleError, ValueError):
    """A schedule is not added, because it would never fire."""

    __template__ = "Task {task_name!r} is not scheduled (schedule {schedule_id!r}): {reason}"
    schedule_id: str
    task_name: str
    reason: str


class ScheduledTaskCancelledError(TaskiqError):
    """Raised in `ScheduleSource.pre_send`: this tick is not sent."""

    __template__ = "Scheduled task was cancelled"


def reason_of(error: BaseException) -> str:
    """Return the text of an exception, or the name of its class if it has no text."""
    return str(error) or type(error).__name__
