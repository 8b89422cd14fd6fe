"""Every error says what happened and what to do, and survives pickle and copy."""

import copy
import pickle

import pytest

from taskiq_core import exceptions
from taskiq_core.exceptions import TaskiqError
from taskiq_sqlite import errors

ERRORS: list[tuple[TaskiqError, str]] = [
    (
        errors.DatabaseError(address="t.db", reason="why"),
        "The database t.db can't be used: why",
    ),
    (
        errors.DatabaseFileError(address="t.db", reason="it is a folder. Name a file in it."),
        "The database t.db can't be used: it is a folder. Name a file in it.",
    ),
    (
        errors.SchemaVersionError(address="t.db", found=3, known=2),
        (
            "The database t.db has schema version 3, this taskiq-sqlite knows versions up to 2: "
            "upgrade the package in this environment, or use another file"
        ),
    ),
    (
        errors.DatabaseGoneError(address="t.db"),
        (
            "The database t.db was deleted or replaced while it was open: this call is lost, as is "
            "everything that the file held. The next call uses the file that is there then, or "
            "creates one. Stop all programs that use a file before you delete or restore it."
        ),
    ),
    (
        errors.DatabaseBusyError(address="t.db", busy_timeout=30.0),
        (
            "The database t.db was locked by another process for more than 30.0 s. Look for a "
            "program that holds a transaction open (a shell, a backup), or raise busy_timeout."
        ),
    ),
]


@pytest.mark.parametrize(("error", "text"), ERRORS, ids=lambda value: type(value).__name__)
def test_says_what_happened_and_what_to_do(error: TaskiqError, text: str) -> None:
    assert str(error) == text
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == text


def test_all_are_tested() -> None:
    own = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }

    assert {type(error) for error, _ in ERRORS} == own


def test_shared_errors_are_those_of_core() -> None:
    for name in ("DuplicateKeyError", "MessageTooLargeError", "ResultMissingError"):
        assert getattr(errors, name) is getattr(exceptions, name)
