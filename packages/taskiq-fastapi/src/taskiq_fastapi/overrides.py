"""AppOverrides: the replacements of dependencies, of the broker and of the application."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI

from taskiq_fastapi.signatures import fastapi_dependencies, for_worker

Function = Callable[..., Any]


class AppOverrides(dict[Any, Any]):
    """The overrides of a broker, and behind them the present ones of the application.

    Dependencies of FastAPI are replaced, too, by forms that a worker can call.

    Args:
        own: the overrides of the broker.
        app: its `dependency_overrides` are looked at for each task.
    """

    def __init__(self, own: Mapping[Any, Any], app: FastAPI) -> None:
        super().__init__(own)
        self._app = app
        self._adapted: dict[Function, Function] = {}
        self._known: set[Function] = set()

    def know(self, function: Function) -> None:
        """Note the dependencies of FastAPI that a function has."""
        self._known |= {each for each in fastapi_dependencies(function) if _has_hash(each)}

    def __contains__(self, dependency: object) -> bool:
        if not _has_hash(dependency):
            return False
        return (
            super().__contains__(dependency)
            or dependency in self._app.dependency_overrides
            or dependency in self._known
        )

    def __getitem__(self, dependency: Any) -> Any:
        if super().__contains__(dependency):
            return super().__getitem__(dependency)
        replacement = self._app.dependency_overrides.get(dependency)
        if replacement is None:
            return self._adapt(dependency)
        self.know(replacement)
        return self._adapt(replacement)

    def _adapt(self, function: Function) -> Function:
        if function not in self._adapted:
            self._adapted[function] = for_worker(function)
        return self._adapted[function]

    def __bool__(self) -> bool:
        return bool(len(self) or self._known or self._app.dependency_overrides)


def _has_hash(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
