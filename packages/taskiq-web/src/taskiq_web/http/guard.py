"""Guard: what every request passes before a page sees it."""

import inspect
from http import HTTPStatus
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taskiq_web.access import Access, Resolver
from taskiq_web.credentials import Challenge, SignIn
from taskiq_web.errors import RequestRefusedError
from taskiq_web.http.headers import SECURITY_HEADERS
from taskiq_web.http.origin import is_from_here
from taskiq_web.http.responses import refusal
from taskiq_web.options import DashboardOptions

ACCESS: Final = "taskiq_web.access"
"""Key of the scope: what the sender of the request may do."""
SAFE_METHODS: Final = ("GET", "HEAD")


class Guard:
    """ASGI middleware: host, credentials, origin and size of requests; headers of responses.

    Nothing behind it is reached without credentials but the style sheet and the scripts, which are
    the same for everybody.

    Args:
        app: what it guards.
        resolver: says what the sender of a request may do.
        options: of the dashboard.
    """

    def __init__(self, app: ASGIApp, resolver: Resolver, options: DashboardOptions) -> None:
        self._app = app
        self._resolver = resolver
        self._signer = _signer_of(resolver)
        self._challenge = _challenge_of(resolver)
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        is_static = _is_static(request)
        send = _with_headers(send, is_static=is_static)
        try:
            answer = None if is_static else await self._check(request)
        except RequestRefusedError as error:
            answer = self._refusal(request, error)
        if answer is None:
            await self._app(scope, _limited(receive, self._options.max_request), send)
        else:
            await answer(scope, receive, send)

    def _refusal(self, request: Request, error: RequestRefusedError) -> Response:
        answer = refusal(request, error)
        if error.status == HTTPStatus.UNAUTHORIZED and self._challenge:
            answer.headers["WWW-Authenticate"] = self._challenge
        return answer

    async def _check(self, request: Request) -> Response | None:
        """Return the answer to a request that signs a viewer in; None if it may go on."""
        self._check_host(request)
        response = self._signer.sign_in(request) if self._signer else None
        if response is not None:
            return response
        request.scope[ACCESS] = await self._access(request)
        if request.method in SAFE_METHODS:
            return None
        if request.method != "POST":
            raise RequestRefusedError(status=405, reason=f"There is no {request.method} here.")
        if not is_from_here(request):
            reason = "This request does not come from a page of this dashboard."
            raise RequestRefusedError(status=403, reason=reason)
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._options.max_request:
            raise _too_large(self._options.max_request)
        return None

    async def _access(self, request: Request) -> Access:
        found = self._resolver(request)
        access = await found if inspect.isawaitable(found) else found
        if access is None:
            reason = (
                "Open the URL with the token, as `taskiq web` has printed it."
                if self._signer
                else "You may not see this dashboard, or you are not signed in."
            )
            raise RequestRefusedError(status=401, reason=reason)
        return access

    def _check_host(self, request: Request) -> None:
        allowed = self._options.allowed_hosts
        if allowed is None:
            return
        host = request.headers.get("host", "").lower()
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if name not in allowed:
            # A name that leads here by DNS alone is an attacker's way past the same-origin policy.
            reason = f"This dashboard is not reached as {name!r}: see the option --allowed-host."
            raise RequestRefusedError(status=421, reason=reason)


def access_of(connection: HTTPConnection) -> Access:
    """Return what the guard has found out about the sender of a request."""
    access: Access = connection.scope[ACCESS]
    return access


def _is_static(request: Request) -> bool:
    root = request.scope.get("root_path", "")
    path: str = request.scope["path"].removeprefix(root)
    return path.startswith("/static/") and request.method in SAFE_METHODS


def _with_headers(send: Send, *, is_static: bool) -> Send:
    async def send_safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
            if not is_static:
                headers["Cache-Control"] = "no-store"
        await send(message)

    return send_safely


def _limited(receive: Receive, limit: int) -> Receive:
    """Count the bytes of a body, whatever its headers say."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return receive_some


def _too_large(limit: int) -> RequestRefusedError:
    return RequestRefusedError(status=413, reason=f"A request has at most {limit:,} bytes.")


def _signer_of(resolver: object) -> SignIn | None:
    return resolver if isinstance(resolver, SignIn) else None


def _challenge_of(resolver: object) -> str:
    return resolver.challenge if isinstance(resolver, Challenge) else ""
