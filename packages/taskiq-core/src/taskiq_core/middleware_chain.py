"""The middlewares of a broker, compiled to lists of the hooks that they override."""

import inspect
from collections.abc import Callable
from typing import Any

from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.asynctools import maybe_awaitable
from taskiq_core.messages.message import TaskiqMessage

Hook = Callable[..., Any]


class MiddlewareChain:
    """Calls the hooks of some middlewares, in the order that belongs to each hook.

    Which middleware overrides which hook is found out here, once: a message passes only through
    hooks that a middleware overrides. An empty tuple of hooks is falsy, so that callers can skip a
    step altogether.

    Args:
        middlewares: the broker's own list.

    Attributes:
        source: that list; with `count` it tells whether the chain is still that of its broker.
        count: how many middlewares it had.
    """

    __slots__ = (
        "_middlewares",
        "count",
        "on_error",
        "post_execute",
        "post_save",
        "post_send",
        "post_settle",
        "pre_execute",
        "pre_send",
        "source",
    )

    def __init__(self, middlewares: list[TaskiqMiddleware]) -> None:
        self.source = middlewares
        self.count = len(middlewares)
        self._middlewares = tuple(middlewares)
        self.pre_send = self._overriding("pre_send")
        self.pre_execute = self._overriding("pre_execute")
        self.post_send = self._overriding("post_send")[::-1]
        self.on_error = self._overriding("on_error")[::-1]
        self.post_execute = self._overriding("post_execute")[::-1]
        self.post_save = self._overriding("post_save")[::-1]
        self.post_settle = self._overriding("post_settle")[::-1]

    def _overriding(self, hook: str) -> tuple[Hook, ...]:
        return tuple(
            getattr(middleware, hook)
            for middleware in self._middlewares
            if _overrides(middleware, hook)
        )

    async def startup(self) -> None:
        """Start every middleware, in order."""
        for middleware in self._middlewares:
            await maybe_awaitable(middleware.startup())

    async def shutdown(self) -> None:
        """Stop every middleware, in order."""
        for middleware in self._middlewares:
            await maybe_awaitable(middleware.shutdown())


async def transform(hooks: tuple[Hook, ...], message: TaskiqMessage) -> TaskiqMessage:
    """Pass a message through `pre_send` or `pre_execute` hooks, and return the last one's."""
    for hook in hooks:
        returned = hook(message)
        message = await returned if inspect.isawaitable(returned) else returned
    return message


async def notify(hooks: tuple[Hook, ...], *args: Any) -> None:
    """Call hooks that return nothing."""
    for hook in hooks:
        returned = hook(*args)
        if inspect.isawaitable(returned):
            await returned


def _overrides(middleware: TaskiqMiddleware, hook: str) -> bool:
    own = getattr(middleware, hook)
    return getattr(own, "__func__", own) is not getattr(TaskiqMiddleware, hook)
