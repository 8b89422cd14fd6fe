"""What can go wrong in a test."""

from taskiq_core.exceptions import ResultGetError, TaskiqError


class PendingTaskError(ResultGetError):
    """A test waits for the result of a task that can't run as the clock stands."""

    __template__ = (
        "There is no result of task {task_id}: {reason}. A test moves the clock with "
        "`await taskiq_broker.advance(seconds)`."
    )
    task_id: str
    reason: str


class TooManyTasksError(TaskiqError):
    """Tasks send new tasks without end."""

    __template__ = (
        "{limit} tasks were run, and {task_name!r} is waiting: does it send itself for ever? "
        "Run more with run_pending(limit=...), or one by one with run_next()."
    )
    limit: int
    task_name: str


class WorkerInTestError(TaskiqError):
    """A worker was started with a broker whose messages are kept by a test."""

    __template__ = (
        "{broker} is used by a TestBroker: its messages stay in the test, and a worker gets none. "
        "Run them with `await taskiq_broker.run_pending()`."
    )
    broker: str
