"""QueueOrder: which of a worker's queues each fetch looks at first."""

from collections.abc import Sequence
from math import lcm

from taskiq_core.messages.queue_selection import QueueSelection


class QueueOrder:
    """Puts queues in order for each fetch: strictly, or by weight; pure, without a clock.

    A fetch takes what it can from the first queue, and fills up from the others. By weight, the
    order is a smooth weighted round robin: a queue pays `1 / weight` for each fetch that it comes
    first in, and the queue that has paid least is next. Where all queues have messages, each comes
    first in its share of the fetches. A queue with messages comes first again before any other
    queue, of `n` times its weight, has done so more than `n + 1` times. An empty queue saves up
    nothing.

    ```
    order = QueueOrder(QueueSelection.parse("mails=2,reports"))
    fetched = store.fetch(order.queues())
    order.served(fetched[0].queue if fetched else None)
    ```

    Args:
        selection: the queues with their weights; the first wins ties.

    Source: C. Waldspurger, W. Weihl, "Stride Scheduling", MIT/LCS/TM-528, 1995.
    """

    def __init__(self, selection: QueueSelection) -> None:
        self._is_strict = selection.is_strict or len(selection.weights) == 1
        # Whole numbers, so that a share is exact however long the worker runs. Half a step at the
        # beginning spreads the turns of a light queue among those of a heavy one.
        unit = 2 * lcm(*selection.weights.values())
        self._steps = {name: unit // weight for name, weight in selection.weights.items()}
        self._paid = {name: step // 2 for name, step in self._steps.items()}
        self._order = self._sorted()

    def queues(self) -> Sequence[str]:
        """Return the queues in the order in which the next fetch is to look at them."""
        return self._order

    def served(self, queue: str | None) -> None:
        """Say which queue gave the first messages of a fetch by `queues`.

        Queues before it in that order were empty, or paused.

        Args:
            queue: its name; None if no queue had a message.
        """
        if queue is None or self._is_strict:
            return
        now = self._paid[queue]
        for name in self._order[: self._order.index(queue)]:
            self._paid[name] = now
        self._paid[queue] = now + self._steps[queue]
        lowest = min(self._paid.values())  # so that the numbers stay small
        self._paid = {name: paid - lowest for name, paid in self._paid.items()}
        self._order = self._sorted()

    def _sorted(self) -> Sequence[str]:
        if self._is_strict:
            return tuple(self._steps)
        return tuple(sorted(self._paid, key=self._paid.__getitem__))
