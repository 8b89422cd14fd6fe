"""What a task logs, as text in its result."""

import io
import logging
from contextvars import ContextVar
from typing import Any

from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.result import TaskiqResult


class LogCapture(TaskiqMiddleware):
    """Puts what a task logs into `TaskiqResult.log`, from its own coroutine or thread alone.

    Args:
        logs_format: a format of `logging.Formatter`.
    """

    def __init__(self, logs_format: str) -> None:
        super().__init__()
        self._buffer: ContextVar[io.StringIO | None] = ContextVar("taskiq_log", default=None)
        self._handler = _BufferHandler(self._buffer)
        self._handler.setFormatter(logging.Formatter(logs_format))
        self.startup()  # a broker in this process works without its own

    def startup(self) -> None:
        """Put the handler into the root logger, where it may be already."""
        logging.getLogger().addHandler(self._handler)

    def shutdown(self) -> None:
        """Take the handler out of the root logger."""
        logging.getLogger().removeHandler(self._handler)

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Begin to collect: the context variable is seen by what the task calls alone."""
        self._buffer.set(io.StringIO())
        return message

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Put what was collected into the result."""
        buffer = self._buffer.get()
        if buffer is not None:
            result.log = buffer.getvalue()


class _BufferHandler(logging.Handler):
    def __init__(self, buffer: ContextVar[io.StringIO | None]) -> None:
        super().__init__()
        self._buffer = buffer

    def emit(self, record: logging.LogRecord) -> None:
        buffer = self._buffer.get()
        if buffer is not None:
            buffer.write(self.format(record) + "\n")
