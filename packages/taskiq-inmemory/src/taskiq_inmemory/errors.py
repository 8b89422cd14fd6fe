"""What can go wrong with tasks in this process."""

from taskiq_core.exceptions import ListenError, ResultGetError


class InMemoryListenError(ListenError, RuntimeError):
    """A worker was started with a broker that lives in another process."""

    __template__ = (
        "InMemoryBroker can't be listened to: its tasks run in the process that sends them. For "
        "worker processes use another broker; `taskiq plugins` lists those installed."
    )


class ResultNotHereError(ResultGetError, KeyError):
    """A result was asked for that is not stored, and no task is on its way to store it."""

    __template__ = (
        "There is no result of task {task_id}, and it is not running: it was never sent in this "
        "process, it stored none, or its result was dropped for newer ones. The latest "
        "{max_stored_results} are kept; InMemoryBroker(max_stored_results=...) keeps more, -1 all."
    )
    task_id: str
    max_stored_results: int
