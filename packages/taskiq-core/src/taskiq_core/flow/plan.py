"""What depends on a task alone, worked out once."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from taskiq_dependencies import DependencyGraph

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.task import RegisteredTask
from taskiq_core.client.arguments import ArgumentAdapters
from taskiq_core.client.call_signature import injected_parameters
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """How to run one task.

    Attributes:
        func: the function.
        task: the declaration that this plan is of; None for a function that is not a task.
        is_coroutine: whether it runs in the event loop; an executor runs it otherwise.
        strict: whether an argument that does not fit its annotation is refused.
        arguments: restores arguments from their annotations; None where there is nothing to
            restore.
        dependencies: the graph of its dependencies; None if it has none.
    """

    func: Callable[..., Any]
    task: RegisteredTask | None
    is_coroutine: bool
    strict: bool
    arguments: ArgumentAdapters | None
    dependencies: DependencyGraph | None


class PlanBook:
    """The plans of a broker's tasks, each worked out when it is first asked for.

    Args:
        broker: whose tasks they are.
        validate_params: whether arguments are restored from annotations.
        strict: whether an argument that does not fit its annotation is refused, in all tasks.
    """

    def __init__(
        self, broker: AbstractBroker, *, validate_params: bool, strict: bool = False
    ) -> None:
        self._broker = broker
        self._strict = strict
        self._validate_params = validate_params
        self._plans: dict[str, TaskPlan] = {}

    def find(self, task_name: str) -> TaskPlan | None:
        """Return how to run the task that has the name now; None if the broker does not know it."""
        task = self._broker.find_task(task_name)
        plan = self._plans.get(task_name)
        if plan is not None and plan.task is task:
            return plan
        if task is None:
            return None
        plan = self._plans[task_name] = self._compile(task.original_func, task)
        return plan

    def of(self, target: Callable[..., Any], task_name: str) -> TaskPlan:
        """Return how to run `target` as the task of that name.

        Args:
            target: the function of the task, the task itself, or a wrapper of the function.
            task_name: whose parameters and dependencies are those of the call. If no task has the
                name, they are those of `target`.
        """
        func = target.original_func if isinstance(target, AsyncTaskiqDecoratedTask) else target
        plan = self.find(task_name)
        if plan is None:
            return self._compile(func, None)
        if plan.func is func:
            return plan
        return replace(plan, func=func, is_coroutine=_is_coroutine(func))

    def _compile(self, func: Callable[..., Any], task: RegisteredTask | None) -> TaskPlan:
        strict = self._strict or getattr(task, "strict", False)
        return compile_plan(
            func, task=task, validate_params=self._validate_params or strict, strict=strict
        )


def compile_plan(
    func: Callable[..., Any],
    *,
    task: RegisteredTask | None = None,
    validate_params: bool,
    strict: bool = False,
) -> TaskPlan:
    """Work out how to run a function.

    Args:
        func: what was declared as a task.
        task: the declaration.
        validate_params: whether arguments are restored from annotations.
        strict: whether an argument that does not fit its annotation is refused.
    """
    graph = DependencyGraph(func)
    dependencies = None if graph.is_empty() else graph
    arguments = None
    if validate_params:
        arguments = ArgumentAdapters.of(func, without=injected_parameters(dependencies))
    return TaskPlan(
        func=func,
        task=task,
        is_coroutine=_is_coroutine(func),
        strict=strict,
        arguments=arguments,
        dependencies=dependencies,
    )


def _is_coroutine(func: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(
        getattr(type(func), "__call__", None),  # noqa: B004  # an instance whose class has an async one
    )
