"""Resolvers that come with the dashboard: one token, or names with passwords."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, Protocol, runtime_checkable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from taskiq_web.access import UNTYPED, Access, Action

COOKIE: Final = "taskiq-web"
"""The cookie that a browser gets for the token in the URL."""
PARAMETER: Final = "token"
MIN_TOKEN: Final = 16
"""Characters of a token at least."""


@runtime_checkable
class SignIn(Protocol):
    """A resolver that can sign a viewer in."""

    def sign_in(self, request: Request) -> Response | None:
        """Return the answer to a request that brings credentials; None for any other one."""
        ...


@runtime_checkable
class Challenge(Protocol):
    """A resolver that a browser can ask its user for."""

    challenge: str
    """The header `WWW-Authenticate` of a request that is refused."""


class TokenAccess:
    """Grants access to all who know a token; see `token_access`."""

    def __init__(self, token: str, access: Access) -> None:
        if len(token) < MIN_TOKEN:
            raise ValueError(f"a token has at least {MIN_TOKEN} characters")
        self._access = access
        self._token = _digest(token)
        # Not the token itself: a cookie is sent to every port of the host.
        self._cookie = hmac.new(token.encode(), b"taskiq-web cookie", hashlib.sha256).hexdigest()

    def __call__(self, request: Request) -> Access | None:
        """Return the access of a request with the token or the cookie."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(token.strip()):
            return self._access
        cookie = request.cookies.get(COOKIE, "")
        is_known = hmac.compare_digest(_digest(cookie), _digest(self._cookie))
        return self._access if is_known else None

    def sign_in(self, request: Request) -> Response | None:
        """Take the token out of the URL, so that it stays in no history and no log."""
        token = request.query_params.get(PARAMETER)
        if token is None or request.method != "GET" or not self._is_token(token):
            return None
        rest = [pair for pair in request.query_params.multi_items() if pair[0] != PARAMETER]
        # A path that begins with two slashes would be another host.
        path = "/" + request.url.path.lstrip("/")
        response = RedirectResponse(f"{path}?{urlencode(rest)}" if rest else path, status_code=303)
        response.set_cookie(
            COOKIE,
            self._cookie,
            path=request.scope.get("root_path") or "/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    def _is_token(self, token: str) -> bool:
        return hmac.compare_digest(_digest(token), self._token)


class BasicAccess:
    """Grants access by name and password; see `basic_access`."""

    challenge = 'Basic realm="taskiq", charset="UTF-8"'

    def __init__(self, passwords: Mapping[str, str], accesses: Mapping[str, Access]) -> None:
        if not passwords or not all(passwords.values()):
            raise ValueError("basic authentication needs names with passwords")
        self._passwords = {name: _digest(password) for name, password in passwords.items()}
        self._accesses = accesses

    def __call__(self, request: Request) -> Access | None:
        """Return the access of a request with a name and its password."""
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        # Compared for unknown names as well, so that time tells nothing.
        expected = self._passwords.get(name, _digest(""))
        is_right = hmac.compare_digest(_digest(password), expected)
        return self._accesses[name] if is_right and name in self._passwords else None


def token_access(
    token: str, *, name: str = "token", actions: frozenset[Action] = UNTYPED
) -> TokenAccess:
    """Return a resolver for all who know a token.

    A browser brings it once, in the parameter `token` of a URL, and gets a cookie. Programs send
    the header `Authorization: Bearer TOKEN`.

    Args:
        token: at least 16 characters, hard to guess.
        name: for the audit.
        actions: what they may do.
    """
    return TokenAccess(token, Access(name, actions))


def basic_access(
    passwords: Mapping[str, str], *, actions: frozenset[Action] = UNTYPED
) -> BasicAccess:
    """Return a resolver for HTTP basic authentication.

    Args:
        passwords: by name.
        actions: what everybody with a password may do.
    """
    return BasicAccess(passwords, {name: Access(name, actions) for name in passwords})


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
