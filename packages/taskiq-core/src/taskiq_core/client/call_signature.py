"""The arguments that a call of a task may have, worked out once for each task."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

from taskiq_dependencies import DependencyGraph

from taskiq_core.exceptions import TaskCallError

_MOST_SHAPES: Final = 256
_BY_POSITION: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class CallSignature:
    """Tells calls that the function would refuse, before they are sent.

    Dependencies need not be passed; they may be, by name.
    """

    __slots__ = (
        "_fitting",
        "_injected",
        "_most",
        "_named",
        "_parameters",
        "_positional",
        "_required",
        "_takes_any_name",
    )

    def __init__(self, parameters: Sequence[inspect.Parameter], injected: frozenset[str]) -> None:
        kinds = {parameter.kind for parameter in parameters}
        self._parameters = parameters
        self._injected = injected
        self._positional = [p.name for p in parameters if p.kind in _BY_POSITION]
        self._required = [
            p.name
            for p in parameters
            if p.name not in injected
            and p.default is p.empty
            and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        self._most = sys.maxsize
        if inspect.Parameter.VAR_POSITIONAL not in kinds:
            self._most = len(self._positional)
        self._named = {
            p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }
        self._takes_any_name = inspect.Parameter.VAR_KEYWORD in kinds
        # Shapes of calls that have been found to fit: a program has few.
        self._fitting: set[tuple[object, ...]] = set()

    @classmethod
    def of(cls, func: Callable[..., Any]) -> Self | None:
        """Return the signature of a function; None if it can't be known."""
        try:
            # A decorator's own signature counts: it may add and take arguments.
            signature = inspect.signature(func, follow_wrapped=False)
            injected = injected_parameters(DependencyGraph(func))
        except Exception:  # noqa: BLE001  # annotations that only a type checker can resolve
            return None
        return cls(list(signature.parameters.values()), injected)

    def check(self, task_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Refuse a call that the function would refuse.

        Args:
            task_name: the name that the error gives.
            args: the positional arguments of the call.
            kwargs: the arguments by name.

        Raises:
            TaskCallError: names what is wrong, and the parameters.
        """
        shape = (len(args), *kwargs)
        if shape in self._fitting:
            return
        reason = self._reason(args, kwargs)
        if reason is not None:
            error = TypeError(reason)
            raise TaskCallError(
                task_name=task_name, reason=reason, parameters=self._describe()
            ) from error
        if len(self._fitting) < _MOST_SHAPES:
            self._fitting.add(shape)

    def _reason(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
        if len(args) > self._most:
            return f"it takes {self._most} arguments by position, {len(args)} were given"
        by_position = self._positional[: len(args)]
        for name in by_position:
            if name in self._injected:
                return f"{name!r} is a dependency; pass the arguments that follow it by name"
            if name in kwargs and name in self._named:
                return f"{name!r} is given twice, by position and by name"
        unknown = [name for name in kwargs if name not in self._named]
        if unknown and not self._takes_any_name:
            return f"it has no parameter {_listed(unknown)}"
        given = {*by_position, *(kwargs.keys() & self._named)}
        missing = [name for name in self._required if name not in given]
        return f"{_listed(missing)} must be given" if missing else None

    def _describe(self) -> str:
        shown = [
            parameter.replace(annotation=parameter.empty)
            for parameter in self._parameters
            if parameter.name not in self._injected
        ]
        # Without dependencies a parameter with a default may stand before one without.
        return str(inspect.Signature(shown, __validate_parameters__=False))[1:-1]


def injected_parameters(graph: DependencyGraph | None) -> frozenset[str]:
    """Return the parameters of a function that are dependencies."""
    if graph is None or graph.is_empty():
        return frozenset()
    target = graph.ordered_deps[-1]
    return frozenset(dependency.param_name for dependency in graph.dependencies[target])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
