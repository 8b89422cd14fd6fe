"""Errors of the server, as the errors that callers get."""

from typing import Final

from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)

from taskiq_core.exceptions import reason_of
from taskiq_redis.errors import (
    RedisCommandError,
    RedisFullError,
    RedisLoginError,
    RedisRightsError,
    RedisTimeoutError,
    RedisUnreachableError,
)
from taskiq_redis.storage.protocol import Reason

# The key is on another server now, or will be: a new connection leads there.
_ELSEWHERE: Final = (MovedError, ReadOnlyError, ClusterDownError)
MOVING: Final = (AskError, TryAgainError)
"""A cluster moves the keys: until it has, no node has all of them. MovedError is one of them."""
_FORBIDDEN_IN_SCRIPTS: Final = ("ACL failure", "The user executing the script can't")
"""Texts of several versions of the server for a command in a script that the user may not run."""


def is_elsewhere(error: Exception) -> bool:
    """Return whether the server that refused a command does not have its key."""
    # In Redis 6, the error of a script has that of the failed command in its text.
    return isinstance(error, _ELSEWHERE) or "-READONLY " in str(error)


def lost_connection(reason: Reason, *, address: str, timeout: float) -> RedisUnreachableError:
    """Return the error of calls whose connection was lost.

    Args:
        reason: why it was lost; a TimeoutError if the server did not answer.
        address: of the server.
        timeout: seconds that a reply may take.
    """
    if isinstance(reason, TimeoutError):
        return RedisTimeoutError(address=address, timeout=timeout)
    text = reason if isinstance(reason, str) else reason_of(reason)
    if isinstance(reason, AuthenticationError):
        return RedisLoginError(address=address, reason=text.rstrip("."))
    return RedisUnreachableError(address=address, reason=text)


def refusal(
    error: ResponseError, *, address: str, command: str
) -> RedisCommandError | RedisUnreachableError:
    """Return the error of a call that the server refused, and that is not sent again.

    Args:
        error: the server's reply.
        address: of the server.
        command: its name.
    """
    if isinstance(error, MOVING):
        reason = f"the cluster moves the keys to another node ({reason_of(error)})"
        return RedisUnreachableError(address=address, reason=reason, advice="Wait until it has.")
    if is_elsewhere(error):
        return RedisUnreachableError(address=address, reason=reason_of(error))
    # The error of a script has that of the failed command in its text.
    is_full = isinstance(error, OutOfMemoryError) or "OOM " in str(error)
    is_forbidden = isinstance(error, NoPermissionError) or any(
        text in str(error) for text in _FORBIDDEN_IN_SCRIPTS
    )
    kind = RedisFullError if is_full else RedisCommandError
    if is_forbidden:
        kind = RedisRightsError
    return kind(address=address, command=command, reason=str(error))
