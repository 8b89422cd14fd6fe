"""What can go wrong between FastAPI and tasks."""

from taskiq_core.exceptions import TaskiqError


class ApplicationError(TaskiqError):
    """The application of a worker can't be used, or its lifespan failed."""

    __template__ = "{reason}"
    reason: str


class RequestInWorkerError(TaskiqError, RuntimeError):
    """A dependency reads the body of a request, and a worker has no such request."""

    __template__ = (
        "A worker has no request whose body could be read. Dependencies of tasks may use "
        "`request.app` and `request.state`; pass everything else to the task as an argument."
    )


class RequestParameterError(TaskiqError, ValueError):
    """A task depends on a function that takes something which only a request brings."""

    __template__ = (
        "{task_name!r} can't be a task: its dependency {dependency} takes {parameter!r} from a "
        "request ({kind}), and a worker has none. Pass it to the task as an argument, and let the "
        "task depend on what remains."
    )
    task_name: str
    dependency: str
    parameter: str
    kind: str
