"""The request of a worker: it has an application and a state, and nothing was sent with it."""

from typing import Any, NoReturn

from fastapi import FastAPI, Request
from starlette.requests import HTTPConnection

from taskiq_fastapi.errors import RequestInWorkerError


class WorkerRequests:
    """Makes a request for each run of a task.

    Args:
        app: the application that is `request.app`.
        state: what `request.state` has at first; each request has a copy.
    """

    def __init__(self, app: FastAPI, state: dict[str, Any] | None = None) -> None:
        self.app = app
        self._state = state or {}

    def make_request(self) -> Request:
        """Return a new request."""
        return Request(self._scope(), receive=_refuse)

    def make_connection(self) -> HTTPConnection:
        """Return a new connection, which is what requests and web sockets have in common."""
        return HTTPConnection(self._scope())

    def _scope(self) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/",
            "raw_path": b"/",
            "root_path": "",
            "query_string": b"",
            "headers": [],
            "client": None,
            "server": None,
            "app": self.app,
            "router": self.app.router,
            "state": dict(self._state),
        }


async def _refuse() -> NoReturn:
    raise RequestInWorkerError
