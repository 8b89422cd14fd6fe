"""The middlewares of a broker, compiled to lists of the hooks that they override."""

import inspect
from collections.abc import Callable
from operator import is_
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
        middlewares: its entries at that time.
        has_own_equality: whether one of them may be equal to another middleware.
    """

    __slots__ = (
        "has_own_equality",
        "middlewares",
        "on_error",
        "on_send_error",
        "post_execute",
        "post_save",
        "post_send",
        "post_settle",
        "pre_execute",
        "pre_send",
    )

    def __init__(self, middlewares: list[TaskiqMiddleware]) -> None:
        self.middlewares = list(middlewares)
        self.has_own_equality = any(
            type(middleware).__eq__ is not object.__eq__ for middleware in middlewares
        )
        self.pre_send = self._overriding("pre_send")
        self.pre_execute = self._overriding("pre_execute")
        self.post_send = self._overriding("post_send")[::-1]
        self.on_send_error = self._overriding("on_send_error")[::-1]
        self.on_error = self._overriding("on_error")[::-1]
        self.post_execute = self._overriding("post_execute")[::-1]
        self.post_save = self._overriding("post_save")[::-1]
        self.post_settle = self._overriding("post_settle")[::-1]

    def is_of(self, middlewares: list[TaskiqMiddleware]) -> bool:
        """Return whether a list still has the same entries; asked for every message."""
        # Comparing lists compares identities first, and is done in C.
        if self.middlewares != middlewares:
            return False
        return not self.has_own_equality or all(map(is_, self.middlewares, middlewares))

    def _overriding(self, hook: str) -> tuple[Hook, ...]:
        return tuple(
            _looked_up(middleware, hook)
            for middleware in self.middlewares
            if _overrides(middleware, hook)
        )

    async def startup(self) -> None:
        """Start every middleware, in order."""
        for middleware in self.middlewares:
            await maybe_awaitable(middleware.startup())

    async def shutdown(self) -> None:
        """Stop every middleware, in order."""
        for middleware in self.middlewares:
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


def _looked_up(middleware: TaskiqMiddleware, name: str) -> Hook:
    """Return the hook as it is when it is called: programs replace hooks, perhaps after a use."""

    def hook(*args: Any) -> Any:
        return getattr(middleware, name)(*args)

    return hook


def _overrides(middleware: TaskiqMiddleware, hook: str) -> bool:
    base = getattr(TaskiqMiddleware, hook)
    own = getattr(middleware, hook, base)  # one that does not inherit may lack a newer hook
    return getattr(own, "__func__", own) is not base
