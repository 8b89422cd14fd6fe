"""Aborts: marks on messages, which workers read."""

import json
from collections.abc import Sequence
from typing import Final

from taskiq_core.messages.aborts import AbortState
from taskiq_sqlite.codec import shown
from taskiq_sqlite.transaction import Topic, Transaction, each

# 2 is a mark that came to the worker with the delivery, 1 is one that it has to be told of.
MARK: Final = """
UPDATE messages SET aborted = max(aborted, 1), state = CASE state WHEN 1 THEN 0 ELSE state END
WHERE task_id = ?
"""
STATES: Final = "SELECT json_group_array(state) FROM messages WHERE task_id = ?"
RUNNING: Final = """
SELECT fence, CAST(task_id AS BLOB) FROM messages WHERE aborted = 1 AND state = 2
"""


@each
def request_abort(transaction: Transaction, task_id: str) -> AbortState:
    """Mark a task's messages as aborted; a delayed one is due at once."""
    states = json.loads(transaction.value(STATES, (task_id,)))
    if not states:
        return AbortState.UNKNOWN
    transaction.execute(MARK, (task_id,))
    transaction.wake(Topic.MESSAGES)
    if 2 in states:  # noqa: PLR2004  # with a worker
        transaction.wake(Topic.ABORTS)
        return AbortState.RUNNING
    return AbortState.QUEUED


def running_aborts(transaction: Transaction, items: Sequence[None]) -> list[dict[int, str]]:
    """The tasks that run and are to be aborted: ids by fence."""
    found = {fence: shown(task_id) for fence, task_id in transaction.rows(RUNNING)}
    return [found for _ in items]
