"""Serving a dashboard by itself: the socket, the server, and its end."""

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette

from taskiq_core.exceptions import TaskiqError
from taskiq_core.plugins.redaction import without_credentials
from taskiq_web.credentials import PARAMETER
from taskiq_web.errors import WebStartError
from taskiq_web.state import DashboardState

CONNECT_TIMEOUT = 10.0
"""Seconds that the broker gets to connect."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a dashboard is served.

    Attributes:
        host: the address to listen at.
        port: 0 for any that is free.
        root_path: the path that a proxy removes.
        token: for the URL that is printed; empty for none.
    """

    host: str
    port: int
    root_path: str = ""
    token: str = ""


async def serve(app: Starlette, address: Address) -> None:
    """Serve until a signal comes.

    Raises:
        WebStartError: the port is taken, or the broker can't be reached.
    """
    state: DashboardState = app.state.dashboard
    server = _Server(_config(app, address))
    listener = _listen(address)
    try:
        lifespan = app.router.lifespan_context(app)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await lifespan.__aenter__()
        except Exception as error:
            raise _unreachable(error) from error
        try:
            _print_url(listener, address)
            with _stopped_by_signals(server, state):
                await server.serve(sockets=[listener])
        finally:
            await lifespan.__aexit__(None, None, None)
    finally:
        listener.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: uvicorn would raise them again before the broker is stopped."""
        yield


def _config(app: Starlette, address: Address) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        access_log=False,  # it would have the token
        log_level="warning",
        root_path=address.root_path,
        server_header=False,
        timeout_graceful_shutdown=2,
        ws="none",
        lifespan="off",
    )


@contextmanager
def _stopped_by_signals(server: uvicorn.Server, state: DashboardState) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True
        state.feed.close()

    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C ends the process
            loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        place = f"{address.host}:{address.port}"
        raise WebStartError(reason=f"it can't listen at {place}: {error.strerror}") from error


def _print_url(listener: socket.socket, address: Address) -> None:
    host = f"[{address.host}]" if ":" in address.host else address.host
    query = f"?{PARAMETER}={quote(address.token)}" if address.token else ""
    url = f"http://{host}:{listener.getsockname()[1]}{address.root_path}/{query}"
    sys.stdout.write(f"The dashboard is at {url}\nCtrl-C ends it.\n")
    sys.stdout.flush()


def _unreachable(error: Exception) -> TaskiqError:
    if isinstance(error, TaskiqError):
        return error
    if isinstance(error, TimeoutError):
        return WebStartError(reason=f"the broker did not connect within {CONNECT_TIMEOUT:g} s")
    return WebStartError(
        reason=without_credentials(f"the broker can't be reached: {type(error).__name__}: {error}")
    )
