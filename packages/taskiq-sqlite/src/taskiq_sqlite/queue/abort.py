"""Aborts: marks on messages, read by the workers that have them."""

import json
from collections.abc import Sequence
from typing import Final

from taskiq_core.messages.aborts import AbortState
from taskiq_sqlite.queue.states import IN_WORKER
from taskiq_sqlite.storage.columns import shown
from taskiq_sqlite.storage.transaction import Topic, Transaction, each

# 2 marks an abort that came to the worker with the delivery, 1 one that it has yet to hear of.
MARK: Final = """
UPDATE messages SET aborted = max(aborted, 1),
    state = CASE state WHEN 1 THEN 0 WHEN 4 THEN 3 ELSE state END
WHERE task_id = ?
"""
DELAYED: Final = "SELECT queue FROM messages WHERE task_id = ? AND state IN (1, 4)"
STATES: Final = "SELECT json_group_array(state) FROM messages WHERE task_id = ?"
RUNNING: Final = """
SELECT fence, CAST(task_id AS BLOB) FROM messages WHERE aborted = 1 AND state IN (2, 5)
"""


@each
def request_abort(transaction: Transaction, task_id: str) -> AbortState:
    """Mark the messages of a task as aborted, and return where they are; delayed ones are due."""
    states = json.loads(transaction.value(STATES, (task_id,)))
    if not states:
        return AbortState.UNKNOWN
    for [queue] in transaction.rows(DELAYED, (task_id,)):
        transaction.count(queue, delayed=-1)
    transaction.execute(MARK, (task_id,))
    transaction.notify(Topic.MESSAGES)
    if not set(IN_WORKER).isdisjoint(states):
        transaction.notify(Topic.ABORTS)
        return AbortState.RUNNING
    return AbortState.QUEUED


def running_aborts(transaction: Transaction, items: Sequence[None]) -> list[dict[int, str]]:
    """Return the ids of running tasks that are to be aborted, by fence."""
    found = {fence: shown(task_id) for fence, task_id in transaction.rows(RUNNING)}
    return [found for _ in items]
