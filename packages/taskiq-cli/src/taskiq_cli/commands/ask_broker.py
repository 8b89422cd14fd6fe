"""A question to a broker: connect, ask, disconnect. A failure is printed in one paragraph."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

import click

from taskiq_cli.commands.application_options import Application
from taskiq_cli.commands.broker_arguments import check_required_plugins, shown
from taskiq_cli.commands.load_application import load_application
from taskiq_cli.errors import BrokerUnusableError, PrivateStateError
from taskiq_cli.failure import Failure
from taskiq_core.exceptions import TaskiqError
from taskiq_core.loading.error_text import describe_error, describe_place, whole_traceback
from taskiq_core.loggers import get_logger

if TYPE_CHECKING:
    from taskiq_core.abc.result_backend import AsyncResultBackend
    from taskiq_core.broker import AsyncBroker

    _Part = AsyncBroker | AsyncResultBackend[Any]

    Ask: TypeAlias = Callable[[Callable[[AsyncBroker], Awaitable[Any]]], Any]
    Run: TypeAlias = Callable[[Awaitable[Any]], Any]

_Answer = TypeVar("_Answer")

CONNECT_TIMEOUT: Final = 10.0
"""Seconds that a broker gets to connect."""
DISCONNECT_TIMEOUT: Final = 5.0
"""Seconds that it gets to disconnect."""

logger = get_logger(__name__)


def ask_broker(
    broker: str,
    modules: tuple[str, ...],
    application: Application,
    ask: "Callable[[AsyncBroker], Awaitable[_Answer]]",
) -> _Answer:
    """What `ask` returns, called with a broker that is started as a client's.

    Args:
        broker: its path, such as "app.tkq:broker", or its URL.
        modules: with tasks, to be imported.
        application: where to find them.
        ask: the question.

    Raises:
        TaskiqError: as the broker raised it; `CapabilityError` where it can't do this.
        PrivateStateError: its queue is in another process.
        BrokerUnusableError: whatever else it raised, or that it took too long to connect.
        Failure: the application can't be loaded.
    """

    async def ask_it(found: "AsyncBroker") -> _Answer:
        _check_is_shared(found, shown(broker))
        async with _connected(found):
            return await ask(found)

    return _ask(broker, modules, application, ask_it)


@contextmanager
def connected_broker(
    broker: str, modules: tuple[str, ...], application: Application
) -> "Iterator[Ask]":
    """Yield a function that asks a broker; it may be called several times, with pauses between.

    For commands that ask the operator something between two questions to the broker. It raises what
    `ask_broker` raises.

    Args:
        broker: its path, such as "app.tkq:broker", or its URL.
        modules: with tasks, to be imported.
        application: where to find them.
    """
    with _loaded(broker, modules, application) as (found, run):
        _check_is_shared(found, shown(broker))
        connection = _connected(found)
        run(connection.__aenter__())
        try:
            yield lambda ask: run(ask(found))
        finally:
            run(connection.__aexit__(None, None, None))


def ask_results(
    broker: str,
    modules: tuple[str, ...],
    application: Application,
    ask: "Callable[[AsyncBroker], Awaitable[_Answer]]",
) -> _Answer:
    """What `ask` returns, called with a broker whose results other processes can see.

    Otherwise as `ask_broker`, but that of a broker whose queue is in another process, only the
    result backend is started.
    """

    async def ask_it(found: "AsyncBroker") -> _Answer:
        backend = found.result_backend
        _check_is_shared(backend, f"The result backend of {shown(broker)}")
        async with _connected(backend if found.private_to_process else found):
            return await ask(found)

    return _ask(broker, modules, application, ask_it)


def _ask(
    broker: str,
    modules: tuple[str, ...],
    application: Application,
    ask: "Callable[[AsyncBroker], Awaitable[_Answer]]",
) -> _Answer:
    with _loaded(broker, modules, application) as (found, run):
        return cast("_Answer", run(ask(found)))


@contextmanager
def _loaded(
    broker: str, modules: tuple[str, ...], application: Application
) -> "Iterator[tuple[AsyncBroker, Run]]":
    check_required_plugins()
    with asyncio.Runner() as runner:
        # For libraries that ask for "the" event loop when they are imported.
        asyncio.set_event_loop(runner.get_loop())
        found = load_application(broker, modules, application, runner.get_loop().run_until_complete)

        def run(awaitable: Awaitable[Any]) -> Any:
            try:
                return runner.run(_wait(awaitable))
            except (TaskiqError, click.ClickException):
                raise
            except Exception as error:
                raise _explain(shown(broker), error, application) from error

        yield found, run


async def _wait(awaitable: Awaitable[_Answer]) -> _Answer:
    return await awaitable


def _check_is_shared(part: "_Part", name: str) -> None:
    # A command would make a new one, and show that it is empty.
    if part.private_to_process:
        raise PrivateStateError(part=name, reason=part.private_to_process)


@asynccontextmanager
async def _connected(part: "_Part") -> AsyncGenerator[None, None]:
    part.may_create = False  # a misspelt URL is an error, not a new and empty queue
    if (results := getattr(part, "result_backend", None)) is not None:
        results.may_create = False
    try:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await part.startup()
        except TimeoutError as error:
            reason = f"it did not connect within {CONNECT_TIMEOUT:g} s"
            raise TimeoutError(reason) from error
        yield
    finally:
        await _disconnect(part)


async def _disconnect(part: "_Part") -> None:
    try:
        async with asyncio.timeout(DISCONNECT_TIMEOUT):
            await part.shutdown()
    except Exception as error:  # noqa: BLE001  # the answer is there, or an error that matters more
        logger.warning("The broker did not shut down well: %s", describe_error(error))


def _explain(broker: str, error: Exception, application: Application) -> Exception:
    explained = BrokerUnusableError(
        broker=broker, error=describe_error(error), place=describe_place(error)
    )
    if not application.shows_tracebacks:
        return explained
    return Failure(f"{explained}\n{whole_traceback(error)}", explained.exit_code)
