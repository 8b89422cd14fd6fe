"""The states of messages in the column `state`, and the names of queues in the column `queue`.

Messages of other queues than the default one have states of their own. So the indexes of the
default queue are as small as if there were no other, and workers of versions before 1.1, which know
only the first three states, see only the default queue.
"""

from typing import Final

WAITING: Final = 0
DELAYED: Final = 1
DELIVERED: Final = 2
NAMED: Final = 3
"""What is added to the state of a message in a queue that is not the default one."""
IN_WORKER: Final = (DELIVERED, DELIVERED + NAMED)

DEFAULT: Final = ""
"""How the default queue is stored."""
ALL_QUEUES: Final = (DEFAULT, "*")
"""For operations that tell only the default queue from all others."""


def state_in(queue: str, state: int) -> int:
    """Return what is stored for a state in a queue."""
    return state if queue == DEFAULT else state + NAMED
