"""Every message, and that errors survive the ways that they travel."""

import copy
import pickle

import pytest

from taskiq_core import exceptions
from taskiq_core.exceptions import TaskiqError
from taskiq_redis import errors

ADDRESS = "host:6379"
CASES: list[tuple[TaskiqError, str]] = [
    (
        errors.RedisUnreachableError(address=ADDRESS, reason="connection refused"),
        (
            "Redis at host:6379 can't be reached: connection refused. Is it running there? The "
            "next call connects again."
        ),
    ),
    (
        errors.RedisTimeoutError(address=ADDRESS, timeout=2.5),
        (
            "Redis at host:6379 has not answered for 2.5 s. Look for slow commands (SLOWLOG "
            "GET), or raise socket_timeout."
        ),
    ),
    (
        errors.RedisLoginError(address=ADDRESS, reason="WRONGPASS"),
        (
            "Redis at host:6379 can't be reached: WRONGPASS. Look at the user and the password of "
            "its URL. The next call connects again."
        ),
    ),
    (
        errors.RedisCommandError(address=ADDRESS, command="GET", reason="WRONGTYPE"),
        "Redis at host:6379 refused GET: WRONGTYPE",
    ),
    (
        errors.RedisFullError(address=ADDRESS, command="EVALSHA", reason="OOM"),
        (
            "Redis at host:6379 has no memory left for EVALSHA: OOM. Nothing was stored, and "
            "what it has is kept. Raise maxmemory: results can't be stored either."
        ),
    ),
    (
        errors.RedisRightsError(address=ADDRESS, command="a worker", reason="it lacks +hset"),
        (
            "Redis at host:6379 does not let its user do what a worker needs: it lacks +hset. "
            "Give the user the rights that the README of taskiq-redis lists; `ACL LOG` says what "
            "was refused."
        ),
    ),
    (
        errors.RedisUrlError(reason="no scheme"),
        "The URL of the Redis server can't be used: no scheme",
    ),
]


@pytest.mark.parametrize(("error", "text"), CASES, ids=lambda each: type(each).__name__)
def test_message(error: TaskiqError, text: str) -> None:
    assert str(error) == text
    for travelled in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(travelled) is type(error)
        assert str(travelled) == text


def test_every_error_is_tested() -> None:
    classes = {each for each in vars(errors).values() if isinstance(each, type)}
    ours = {each for each in classes if each.__module__ == errors.__name__}

    assert {type(error) for error, _ in CASES} == ours


def test_errors_of_core_have_one_class() -> None:
    """Programs import them from here or from there."""
    for name in ("DuplicateKeyError", "MessageTooLargeError", "ResultMissingError"):
        assert getattr(errors, name) is getattr(exceptions, name)
