"""What became of deliveries, as core says it: a middleware that remembers outcomes."""

import asyncio
from collections import defaultdict

from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Outcome
from taskiq_testkit.deadline import within

UNREADABLE = ""
"""In place of the id of a task whose message could not be read."""


class OutcomeRecorder(TaskiqMiddleware):
    """Remembers the outcome of each delivery, by task id, until a test has asked for it."""

    def __init__(self) -> None:
        super().__init__()
        self._outcomes: defaultdict[str, asyncio.Queue[Outcome]] = defaultdict(asyncio.Queue)

    def post_settle(self, message: TaskiqMessage | None, outcome: Outcome) -> None:
        """Remember one."""
        task_id = UNREADABLE if message is None else message.task_id
        self._outcomes[task_id].put_nowait(outcome)

    async def outcome_of(self, task_id: str, *, patience: float) -> Outcome:
        """The next outcome of a task; waits for it."""
        async with within(patience, f"the settlement of {task_id or 'an unreadable message'}"):
            return await self._outcomes[task_id].get()
