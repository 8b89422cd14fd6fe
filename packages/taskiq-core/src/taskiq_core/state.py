"""TaskiqState: values that an application keeps while its broker runs."""

from collections import UserDict
from copy import copy
from typing import Any, Self


class TaskiqState(UserDict[str, Any]):
    """Values shared by event handlers, dependencies and tasks of one process.

    Items and attributes are the same thing: `state.pool = pool` and `state["pool"]`.
    """

    def __init__(self) -> None:
        self.__dict__["data"] = {}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["data"][name]
        except KeyError:
            raise AttributeError(f"the state has no {name!r}: was it set at start-up?") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"the state has no {name!r}") from None

    def __str__(self) -> str:
        return f"TaskiqState({self.__dict__['data']})"

    def copy(self) -> Self:
        """Return another state with these values."""
        # UserDict's own assigns to its attribute `data`, which is an item here.
        return copy(self)

    def set_value(self, key: str, value: Any) -> None:
        """Set `key`. Deprecated form of `state[key] = value`."""
        self[key] = value

    def get_value(self, key: str, default: Any = None) -> Any:
        """Return a value. Deprecated form of `state.get(key, default)`."""
        return self.get(key, default)
