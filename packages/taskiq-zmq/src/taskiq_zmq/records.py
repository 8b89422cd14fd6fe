"""What a hub (the client) and its workers tell each other, as values; `frames` has their bytes."""

from typing import NamedTuple, TypeAlias


class Hello(NamedTuple):
    """A worker is here; its name is for logs."""

    name: str


class Grant(NamedTuple):
    """The worker has had room for this many deliveries since its HELLO."""

    granted: int


class Acks(NamedTuple):
    """The worker is done with these deliveries."""

    tags: tuple[int, ...]


class Release(NamedTuple):
    """The worker gives a delivery back, to be delivered again after `delay` seconds."""

    tag: int
    delay: float


class Returns(NamedTuple):
    """The worker gives deliveries back that it has not begun."""

    tags: tuple[int, ...]


class Bury(NamedTuple):
    """The worker gives a delivery up; in the text, the last exception follows the reason's line."""

    tag: int
    text: str


class Submit(NamedTuple):
    """The worker sends a task of its own."""

    request: int
    delay: float
    task_id: str
    task_name: str
    body: bytes


class Watch(NamedTuple):
    """The worker wants to be told the result of a task."""

    task_id: str


class Recall(NamedTuple):
    """The worker takes back the credit that the hub has not used."""


class Goodbye(NamedTuple):
    """This side leaves."""


class Welcome(NamedTuple):
    """The hub knows the worker from now on."""

    session: bytes


class Task(NamedTuple):
    """One delivery; not to be begun if it is aborted."""

    tag: int
    attempt: int
    unsettled: int
    aborted: bool
    task_id: str
    body: bytes


class Abort(NamedTuple):
    """A task that the worker has is not wanted any more."""

    task_id: str


class Want(NamedTuple):
    """The hub has used its credit up, and has more tasks."""


class Recalled(NamedTuple):
    """The answer to a RECALL: the credit that remains, in total, all of it used."""

    granted: int


class Probe(NamedTuple):
    """Nothing, to find out whether a connection stands."""


class Stored(NamedTuple):
    """The task of a SUBMIT is in the queue."""

    request: int


class Refused(NamedTuple):
    """The task of a SUBMIT is not in the queue; or, as request 0, the worker is not wanted."""

    request: int
    reason: str


class Pending(NamedTuple):
    """The result that a worker watches is not there yet."""

    task_id: str


class Result(NamedTuple):
    """The result of a task; the hub sends it with tag 0."""

    tag: int
    task_id: str
    body: bytes


class Progress(NamedTuple):
    """How far a task has come; the hub sends it with tag 0."""

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
