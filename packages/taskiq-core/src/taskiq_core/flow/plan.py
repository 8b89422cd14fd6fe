"""What depends on a task alone, worked out once."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from taskiq_dependencies import DependencyGraph

from taskiq_core.flow.arguments import ArgumentAdapters


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """How to run one task.

    Attributes:
        func: the function.
        is_coroutine: whether it runs in the event loop; an executor runs it otherwise.
        arguments: restores arguments from their annotations; None where there is nothing to
            restore.
        dependencies: the graph of its dependencies; None if it has none.
    """

    func: Callable[..., Any]
    is_coroutine: bool
    arguments: ArgumentAdapters | None
    dependencies: DependencyGraph | None


def compile_plan(func: Callable[..., Any], *, validate_params: bool) -> TaskPlan:
    """Work out how to run a function.

    Args:
        func: what was declared as a task.
        validate_params: whether arguments are restored from annotations.
    """
    graph = DependencyGraph(func)
    dependencies = None if graph.is_empty() else graph
    arguments = None
    if validate_params:
        arguments = ArgumentAdapters.of(func, without=_injected_parameters(dependencies))
    return TaskPlan(
        func=func,
        is_coroutine=_is_coroutine(func),
        arguments=arguments,
        dependencies=dependencies,
    )


def _is_coroutine(func: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(
        getattr(type(func), "__call__", None),  # noqa: B004  # an instance whose class has an async one
    )


def _injected_parameters(graph: DependencyGraph | None) -> frozenset[str]:
    if graph is None:
        return frozenset()
    target = graph.ordered_deps[-1]
    return frozenset(dependency.param_name for dependency in graph.dependencies[target])
