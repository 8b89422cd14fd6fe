"""Tasks of libraries: declared without a broker, run by every broker."""

from collections.abc import AsyncGenerator
from typing import Any, ParamSpec, TypeVar

from taskiq_core.broker import AsyncBroker
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.exceptions import SharedBrokerListenError, SharedBrokerSendTaskError
from taskiq_core.messages.message import BrokerMessage

_Params = ParamSpec("_Params")
_ReturnType = TypeVar("_ReturnType")


class SharedDecoratedTask(AsyncTaskiqDecoratedTask[_Params, _ReturnType]):
    """A task that is sent with the default broker of the shared one."""

    def kicker(self) -> AsyncKicker[_Params, _ReturnType]:
        """Return a call that the default broker will send."""
        kicker = super().kicker()
        if isinstance(self.broker, AsyncSharedBroker) and self.broker.sends_with is not None:
            kicker.broker = self.broker.sends_with
        return kicker


class AsyncSharedBroker(AsyncBroker):
    """Declares tasks for every broker of the process, and sends them with one of them.

    Attributes:
        sends_with: the broker that shared tasks are sent with; `default_broker` sets it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sends_with: AsyncBroker | None = None
        self.decorator_class = SharedDecoratedTask

    def default_broker(self, new_broker: AsyncBroker) -> None:
        """Send shared tasks with this broker."""
        self.sends_with = new_broker

    async def kick(self, message: BrokerMessage) -> None:
        """Raise SharedBrokerSendTaskError: only a real broker can send."""
        raise SharedBrokerSendTaskError(task_name=message.task_name)

    def listen(self) -> AsyncGenerator[bytes, None]:
        """Raise SharedBrokerListenError: only a real broker can be listened to."""
        raise SharedBrokerListenError

    def _register(self, task: AsyncTaskiqDecoratedTask[Any, Any]) -> None:
        self.global_task_registry.add(task)


async_shared_broker = AsyncSharedBroker()
"""The shared broker of the process; `@async_shared_broker.task` declares a shared task."""
