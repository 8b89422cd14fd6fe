"""What can go wrong with tasks in this process."""

from taskiq_core.exceptions import ResultGetError


class ResultNotHereError(ResultGetError):
    """A result was asked for that is not stored, and no task is on its way to store it."""

    __template__ = (
        "There is no result of task {task_id}, and it is not running: it was never sent in this "
        "process, it stored none, or its result was dropped for newer ones. The latest "
        "{max_stored_results} are kept; InMemoryBroker(max_stored_results=...) keeps more, -1 all."
    )
    task_id: str
    max_stored_results: int
