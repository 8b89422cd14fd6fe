"""The default of a parameter that is a dependency, for type checkers."""

from typing import Any, Final


class _Injected:
    """Stands where nothing was injected: the function was called, and not run as a task."""

    def __repr__(self) -> str:
        return "INJECTED"


INJECTED: Final[Any] = _Injected()
"""Default of `context: Annotated[Context, TaskiqDepends()] = INJECTED`.

A worker injects `Annotated` dependencies without it, too. To a type checker it says that callers of
`kiq` need not pass the parameter.
"""
