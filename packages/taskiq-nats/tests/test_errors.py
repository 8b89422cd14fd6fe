"""Every error says what happened and what to do, and survives pickle and copy."""

import copy
import pickle

import pytest

from taskiq_core.exceptions import TaskiqError
from taskiq_nats import errors

PLACE = "one:4222"
ERRORS: list[tuple[TaskiqError, str]] = [
    (
        errors.NatsUnreachableError(address=PLACE, reason="why"),
        (
            "NATS at one:4222 can't be reached: why. Is it running there? The connection is "
            "renewed by itself."
        ),
    ),
    (
        errors.NatsTimeoutError(address=PLACE, timeout=5.0),
        (
            "NATS at one:4222 has not answered for 5 s. Look at its load and its disk, or "
            "raise request_timeout."
        ),
    ),
    (
        errors.NatsLoginError(address=PLACE, reason="why"),
        (
            "NATS at one:4222 can't be reached: why. Look at the user, the password, the "
            "token or the credentials file."
        ),
    ),
    (
        errors.NatsCommandError(address=PLACE, request="STREAM.INFO.x", reason="why", code=7),
        "NATS at one:4222 refused STREAM.INFO.x: why (error 7)",
    ),
    (
        errors.NatsStreamError(address=PLACE, request="x", reason="why"),
        (
            "NATS at one:4222 has no JetStream stream for x: why. Start the server with "
            "JetStream (-js) and a folder for it; the broker creates the stream when it starts "
            "again."
        ),
    ),
    (
        errors.NatsSetupError(address=PLACE, request="x", reason="why"),
        (
            "NATS at one:4222 has no stream 'x' of taskiq, and this process may not create it: "
            "why. Start a worker or a client of the application first, or look at queue_name."
        ),
    ),
    (
        errors.ResultTooLargeError(task_id="id", size=3, limit=2),
        (
            "The result of task id has 3 bytes, the server takes 2. Return a reference to the "
            "data, or raise max_payload of the server."
        ),
    ),
    (errors.NatsUrlError(reason="why"), "The URL of the NATS server can't be used: why"),
]


@pytest.mark.parametrize(("error", "text"), ERRORS, ids=lambda each: type(each).__name__)
def test_text_and_copies(error: TaskiqError, text: str) -> None:
    assert str(error) == text
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert str(twin) == text


def test_every_error_is_in_the_list() -> None:
    ours = {name for name in errors.__all__ if getattr(errors, name).__module__ == errors.__name__}

    assert {type(error).__name__ for error, _ in ERRORS} == ours
