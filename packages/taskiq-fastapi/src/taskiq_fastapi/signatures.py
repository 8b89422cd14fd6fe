"""Functions that FastAPI calls for a request, as a worker can call them."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final

from fastapi import BackgroundTasks, Response, WebSocket, params
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection, Request
from taskiq_dependencies import Depends as TaskiqDepends
from taskiq_dependencies.dependency import Dependency

from taskiq_fastapi.errors import RequestParameterError

Function = Callable[..., Any]

MADE_BY_WORKERS: Final = (Request, HTTPConnection)
"""Types of parameters that a worker has values for."""
_MADE_BY_REQUESTS: Final = (BackgroundTasks, Response, SecurityScopes, WebSocket)


def fastapi_dependencies(function: Function) -> Iterator[Function]:
    """Yield what a task gets from FastAPI's `Depends`, at any depth.

    Args:
        function: the function of the task.
    """
    waiting = [(function, False)]
    seen: list[tuple[Function, bool]] = []  # a dependency may be an object without a hash
    while waiting:
        entry = waiting.pop()
        if entry in seen:
            continue
        seen.append(entry)
        current, is_of_fastapi = entry
        if is_of_fastapi:
            yield current
        for parameter in _parameters(current):
            marker = _marker(parameter)
            dependency = getattr(marker, "dependency", None) or _type_of(parameter)
            if isinstance(marker, params.Depends | Dependency) and callable(dependency):
                waiting.append((dependency, isinstance(marker, params.Depends)))


def check_dependencies(task_name: str, function: Function) -> None:
    """Refuse a task that depends on what only a request brings.

    Args:
        task_name: the name that the error gives.
        function: the function of the task.

    Raises:
        RequestParameterError: names the dependency and its parameter.
    """
    for dependency in fastapi_dependencies(function):
        for parameter in _parameters(dependency):
            if kind := _kind_in_request(parameter):
                raise RequestParameterError(
                    task_name=task_name,
                    dependency=getattr(dependency, "__name__", repr(dependency)),
                    parameter=parameter.name,
                    kind=kind,
                )


def for_worker(function: Function) -> Function:
    """Return a dependency of FastAPI as a worker calls it.

    A plain function runs in a thread, as FastAPI has it; a bare parameter `request: Request` gets
    the request of the worker.

    Args:
        function: a function or generator function, plain or async, or a class.
    """
    called = wraps(function, updated=())(_unblocking(function))
    signature = inspect.signature(function, eval_str=True)
    parameters = [_with_request(each) for each in signature.parameters.values()]
    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return called


def _unblocking(function: Function) -> Function:
    if inspect.isgeneratorfunction(function):
        manager = contextmanager(function)

        async def generate(**kwargs: Any) -> AsyncIterator[Any]:
            async with contextmanager_in_threadpool(manager(**kwargs)) as value:
                yield value

        return generate
    if inspect.isasyncgenfunction(function) or _is_coroutine_function(function):

        def call_plainly(**kwargs: Any) -> Any:
            return function(**kwargs)

        return call_plainly

    async def call(**kwargs: Any) -> Any:
        return await run_in_threadpool(function, **kwargs)

    return call


def _is_coroutine_function(function: Function) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004  # an object with an async one
    )


def _with_request(parameter: inspect.Parameter) -> inspect.Parameter:
    parameter = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    if _type_of(parameter) in MADE_BY_WORKERS and _marker(parameter) is None:
        return parameter.replace(default=TaskiqDepends(_type_of(parameter)))
    return parameter


def _kind_in_request(parameter: inspect.Parameter) -> str:
    """Return what a parameter of a FastAPI function takes from a request; "" for nothing."""
    marker, annotation = _marker(parameter), _type_of(parameter)
    if isinstance(marker, params.Param | params.Body):
        return type(marker).__name__
    if marker is not None:  # a dependency
        return ""
    if isinstance(annotation, type):
        if issubclass(annotation, MADE_BY_WORKERS) and not issubclass(annotation, WebSocket):
            return ""
        if issubclass(annotation, _MADE_BY_REQUESTS):
            return annotation.__name__
    is_variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    # FastAPI reads what is bare from the query; one with a default can do without.
    return "Query" if parameter.default is parameter.empty and not is_variadic else ""


def _marker(parameter: inspect.Parameter) -> object:
    """Return what says where a parameter comes from; None if nothing does."""
    kinds = (params.Depends, params.Param, params.Body, Dependency)
    for each in (*reversed(getattr(parameter.annotation, "__metadata__", ())), parameter.default):
        if isinstance(each, kinds):
            return each
    return None


def _type_of(parameter: inspect.Parameter) -> Any:
    return getattr(parameter.annotation, "__origin__", parameter.annotation)


def _parameters(function: Function) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function, eval_str=True).parameters.values())
    except (NameError, TypeError, ValueError):
        return []  # a type of the standard library, or names that only a type checker knows
