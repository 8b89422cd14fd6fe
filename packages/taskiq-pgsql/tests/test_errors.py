"""Every error says what happened and what to do, and survives pickle and copy."""

import copy
import pickle

import pytest

from taskiq_core import exceptions
from taskiq_core.exceptions import TaskiqError
from taskiq_pgsql import errors

ERRORS: list[tuple[TaskiqError, str]] = [
    (
        errors.PostgresUnreachableError(address="db/app", reason="why"),
        (
            "PostgreSQL at db/app can't be reached: why. Is it running there? The next call "
            "connects again."
        ),
    ),
    (
        errors.PostgresTimeoutError(address="db/app", timeout=10.0),
        (
            "PostgreSQL at db/app has not answered for 10 s. Look for locks and long transactions "
            "(pg_stat_activity), or raise command_timeout."
        ),
    ),
    (
        errors.PostgresLoginError(address="db/app", reason="why"),
        (
            "PostgreSQL at db/app can't be reached: why. Look at the user, the password and the "
            "database of its URL. The next call connects again."
        ),
    ),
    (
        errors.PostgresCommandError(address="db/app", reason="why"),
        "PostgreSQL at db/app refused a statement: why",
    ),
    (
        errors.PostgresRightsError(address="db/app", reason="why"),
        (
            "PostgreSQL at db/app does not let its role do what taskiq needs: why. Give the role "
            "the rights that the README of taskiq-pgsql lists."
        ),
    ),
    (
        errors.SchemaError(address="db/app", schema="jobs"),
        (
            "The database at db/app has no tables of taskiq in schema 'jobs', or not all of them: "
            "they were not created, or are of an older version. Create them with `taskiq pgsql "
            "migrate`, or run what `taskiq pgsql sql` prints."
        ),
    ),
    (
        errors.SchemaVersionError(address="db/app", schema="jobs", found=3, known=1),
        (
            "The tables at db/app in schema 'jobs' have version 3, this taskiq-pgsql knows "
            "versions up to 1: upgrade the package in this environment"
        ),
    ),
    (
        errors.TransactionError(connection="Connection", reason="why"),
        "Tasks can't be sent inside a transaction of 'Connection': why",
    ),
    (
        errors.PostgresUrlError(reason="why"),
        "The URL of the PostgreSQL server can't be used: why",
    ),
]


@pytest.mark.parametrize(("error", "text"), ERRORS, ids=[type(each).__name__ for each, _ in ERRORS])
def test_text_pickle_and_copy(error: TaskiqError, text: str) -> None:
    assert str(error) == text
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(twin), str(twin), vars(twin)) == (type(error), text, vars(error))


def test_every_error_is_tried() -> None:
    tried = {type(error).__name__ for error, _ in ERRORS}
    of_core = {name for name in errors.__all__ if hasattr(exceptions, name)}

    assert tried | of_core == set(errors.__all__)
