"""The records that a hub (the client) and its workers exchange; `frames` has their bytes."""

from typing import NamedTuple, TypeAlias


class Hello(NamedTuple):
    """A worker is connected; its name is for logs, its id is the owner of its deliveries.

    Of the queues each has a weight; without any it listens to the default queue.
    """

    name: str
    worker_id: str = ""
    is_strict: bool = False
    queues: tuple[tuple[str, int], ...] = ()


class Grant(NamedTuple):
    """The worker has had slots for this many deliveries since its HELLO."""

    granted: int


class Acks(NamedTuple):
    """The worker acknowledges these deliveries."""

    tags: tuple[int, ...]


class Release(NamedTuple):
    """The worker releases a delivery, to be delivered again after `delay` seconds."""

    tag: int
    delay: float


class Returns(NamedTuple):
    """The worker returns deliveries that it has not started."""

    tags: tuple[int, ...]


class Bury(NamedTuple):
    """The worker buries a delivery; in the text, the last exception follows the reason's line."""

    tag: int
    text: str


class Submit(NamedTuple):
    """The worker sends a task of its own; without a queue it is for the default queue."""

    request: int
    delay: float
    task_id: str
    task_name: str
    body: bytes
    queue: str = ""


class Watch(NamedTuple):
    """The worker asks for the result of a task, now or when it is stored."""

    task_id: str


class Recall(NamedTuple):
    """The worker takes back the credit that the hub has not used."""


class Announce(NamedTuple):
    """The worker says what it does, as JSON; forgotten after so many seconds."""

    ttl: float
    body: bytes


class Withdraw(NamedTuple):
    """The worker ends: what it announced is over."""


class Goodbye(NamedTuple):
    """This side closes the connection."""


class Welcome(NamedTuple):
    """The hub accepts the worker."""

    session: bytes


class Task(NamedTuple):
    """One delivery; not to be started if it is aborted."""

    tag: int
    attempt: int
    unsettled: int
    aborted: bool
    task_id: str
    body: bytes


class Abort(NamedTuple):
    """The worker is to abort a task."""

    task_id: str


class Want(NamedTuple):
    """The hub has used up its credit, and has more tasks."""


class Recalled(NamedTuple):
    """The reply to a RECALL: the total credit, all of it used."""

    granted: int


class Probe(NamedTuple):
    """Has no effect; shows whether a connection stands."""


class Stored(NamedTuple):
    """The task of a SUBMIT is in the queue."""

    request: int


class Refused(NamedTuple):
    """The task of a SUBMIT is not in the queue; or, as request 0, the worker is refused."""

    request: int
    reason: str


class Pending(NamedTuple):
    """The result that a worker watches is not stored yet."""

    task_id: str


class Result(NamedTuple):
    """The result of a task; the hub sends it with tag 0."""

    tag: int
    task_id: str
    body: bytes


class Progress(NamedTuple):
    """The progress of a task; the hub sends it with tag 0."""

    tag: int
    task_id: str
    body: bytes


Record: TypeAlias = (
    Hello
    | Grant
    | Acks
    | Release
    | Returns
    | Bury
    | Submit
    | Watch
    | Recall
    | Announce
    | Withdraw
    | Goodbye
    | Welcome
    | Task
    | Abort
    | Want
    | Recalled
    | Probe
    | Stored
    | Refused
    | Pending
    | Result
    | Progress
)
