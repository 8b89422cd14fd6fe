"""The deliveries that a worker runs now, and what reaches them from outside."""

from collections.abc import Iterable

from taskiq_core.exceptions import LeaseLostError, TaskAbortedError, WorkerShutdownError
from taskiq_core.flow.run_state import Run
from taskiq_core.messages.delivery import Delivery


class RunningDeliveries:
    """Finds the run of a delivery or of a task id, to stop it."""

    def __init__(self) -> None:
        self._runs: dict[Delivery, Run] = {}

    def add(self, delivery: Delivery, run: Run) -> None:
        """Make a run known."""
        self._runs[delivery] = run

    def remove(self, delivery: Delivery) -> None:
        """Forget a run that has ended."""
        del self._runs[delivery]

    def items(self) -> Iterable[tuple[Delivery, Run]]:
        """Return the deliveries with their runs, the longest first."""
        return self._runs.items()

    def is_unacknowledged(self, delivery: Delivery) -> bool:
        """Return whether a delivery runs and its message was not acknowledged yet."""
        run = self._runs.get(delivery)
        return run is not None and not run.is_acked

    def lose(self, delivery: Delivery) -> None:
        """Stop the task of a delivery that belongs to another worker now."""
        run = self._runs.get(delivery)
        if run is not None:
            reason = "the message was given to another worker"
            if delivery.lease is not None:
                reason = f"it ran out, and {reason}"
            run.stop(LeaseLostError(reason=reason))

    def abort(self, task_id: str) -> bool:
        """Stop the tasks of that id.

        Returns:
            Whether one runs here.
        """
        found = [
            delivery
            for delivery, run in self._runs.items()
            if run.message and run.message.task_id == task_id
        ]
        for delivery in found:
            delivery.aborted = True  # also when it is given back at this moment
            self.abort_delivery(delivery)
        return bool(found)

    def abort_delivery(self, delivery: Delivery) -> None:
        """Stop the task of an aborted delivery, if it has been started."""
        run = self._runs.get(delivery)
        if run is not None and run.message is not None:
            message = run.message
            run.stop(TaskAbortedError(task_name=message.task_name, task_id=message.task_id))

    def announce_shutdown(self) -> None:
        """Show every task that its worker ends."""
        for run in self._runs.values():
            message = run.message
            if message is not None:
                run.cancellation.request(
                    WorkerShutdownError(task_name=message.task_name, task_id=message.task_id)
                )

    def names(self, delivery: Delivery | None) -> list[str]:
        """Return name and id of the task of a delivery, or of all tasks that run."""
        runs = [self._runs.get(delivery)] if delivery else list(self._runs.values())
        return [name_of(run) for run in runs if run is not None]

    def describe(self) -> str:
        """Name and id of each running task, for a log line."""
        return ", ".join(map(name_of, self._runs.values()))


def name_of(run: Run) -> str:
    """Name and id of the task of a run."""
    if run.message is None:
        return "a message that was not read yet"
    return f"{run.message.task_name} ({run.message.task_id})"
