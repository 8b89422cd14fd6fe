"""What can go wrong with the kit itself, beside a test that fails."""

from taskiq_core.exceptions import TaskiqError


class BrokerFactoryError(TaskiqError):
    """The function that makes a broker in another process can't be used."""

    __template__ = (
        "The broker factory {target!r} can't be used: {reason}. Name a function as "
        '"module:function", of a module that the other process can import.'
    )
    target: str
    reason: str


class WorkerProcessError(TaskiqError):
    """A worker process of a test ended before it was killed."""

    __template__ = (
        "The worker process with the broker of {target!r} ended by itself, with exit code "
        "{exitcode}. What it wrote to stderr says why."
    )
    target: str
    exitcode: int | None
