"""Functions of the application that make a broker or a scheduler."""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from taskiq_core.loading.error_text import describe_error, describe_place
from taskiq_core.loading.errors import FactoryRaisedError


def call_factory(
    spec: str,
    factory: Callable[[], Any],
    *,
    product: str,
    run: Callable[[Awaitable[Any]], Any],
) -> Any:
    """Call a factory outside an event loop and return what it made.

    Args:
        spec: path of the factory, for the error.
        factory: a function or a coroutine function without arguments.
        product: noun for what it makes, for the error.
        run: runs the awaitable of a coroutine function.

    Raises:
        FactoryRaisedError: the factory raised.
    """
    with _factory_errors(spec, product):
        made = factory()
        return run(made) if inspect.isawaitable(made) else made


async def await_factory(spec: str, factory: Callable[[], Any], *, product: str) -> Any:
    """Call a factory inside an event loop and return what it made.

    Args:
        spec: path of the factory, for the error.
        factory: a function or a coroutine function without arguments.
        product: noun for what it makes, for the error.

    Raises:
        FactoryRaisedError: the factory raised.
    """
    with _factory_errors(spec, product):
        made = factory()
        return await made if inspect.isawaitable(made) else made


@contextmanager
def _factory_errors(spec: str, product: str) -> Iterator[None]:
    try:
        yield
    except (Exception, SystemExit) as error:  # whatever the application's code may raise
        raise FactoryRaisedError(
            spec=spec,
            product=product,
            error=describe_error(error),
            place=describe_place(error),
            cure="It is called without arguments. Correct it; --traceback shows more.",
        ) from error
