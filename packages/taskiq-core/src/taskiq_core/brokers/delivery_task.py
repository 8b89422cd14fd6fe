"""The asyncio task of one delivery, which knows whether the worker cancels it."""

import asyncio


class DeliveryTask(asyncio.Task[None]):
    """Runs one delivery, and remembers who cancelled it.

    The function of a task runs in here and can cancel it, too: with its own timer, or with
    `asyncio.current_task().cancel()`. That is an error of the function, which would repeat with
    every delivery. A worker that ends uses `cancel_by_worker`, and its delivery is released.

    Attributes:
        is_cancelled_by_worker: whether the worker, or the end of the event loop, cancelled it.
        is_settling: whether the delivery is being settled; a worker that ends waits for that.
    """

    is_cancelled_by_worker = False
    is_settling = False

    def cancel(self, msg: object = None) -> bool:
        """Cancel it; while the event loop stands still, that is the end of the event loop."""
        if not self.get_loop().is_running():
            self.is_cancelled_by_worker = True
        return super().cancel(msg)

    def cancel_by_worker(self) -> None:
        """Cancel it as the worker is to end, unless it settles its delivery already."""
        if self.is_settling:
            return
        self.is_cancelled_by_worker = True
        super().cancel()
