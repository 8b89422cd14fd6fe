"""What can go wrong with tasks in PostgreSQL.

```
BrokerConnectionError, ResultBackendError
└── PostgresUnreachableError    there is no connection to the server, or it was lost
    ├── PostgresTimeoutError    ... or the server does not answer
    └── PostgresLoginError      ... or it refuses the user, the password or the database (also
                                BrokerSetupError)
BrokerError, ResultBackendError
└── PostgresCommandError        the server refused a statement
    ├── PostgresRightsError     ... because the role lacks a right (also BrokerSetupError)
    └── SchemaError             ... because the tables are missing (also BrokerSetupError)
        └── SchemaVersionError  a newer taskiq-pgsql made them, and this one can't use them
SendTaskError
└── TransactionError            no task can be sent by the connection of `in_transaction`
TaskiqError
└── PostgresUrlError            a URL can't be understood
```

`DuplicateKeyError`, `MessageTooLargeError` and `ResultMissingError` are those of taskiq-core.
"""

from taskiq_core.exceptions import (
    BrokerConnectionError,
    BrokerError,
    BrokerSetupError,
    DuplicateKeyError,
    MessageTooLargeError,
    ResultBackendError,
    ResultMissingError,
    SendTaskError,
    TaskiqError,
)

__all__ = [
    "DuplicateKeyError",
    "MessageTooLargeError",
    "PostgresCommandError",
    "PostgresLoginError",
    "PostgresRightsError",
    "PostgresTimeoutError",
    "PostgresUnreachableError",
    "PostgresUrlError",
    "ResultMissingError",
    "SchemaError",
    "SchemaVersionError",
    "TransactionError",
]


class PostgresUnreachableError(BrokerConnectionError, ResultBackendError):
    """There is no connection to the server."""

    __template__ = (
        "PostgreSQL at {address} can't be reached: {reason}. {advice} The next call connects again."
    )
    broker: str = "taskiq-pgsql"
    address: str
    reason: str
    advice: str = "Is it running there?"


class PostgresTimeoutError(PostgresUnreachableError):
    """The server does not answer."""

    __template__ = (
        "PostgreSQL at {address} has not answered for {timeout:g} s. Look for locks and long "
        "transactions (pg_stat_activity), or raise command_timeout."
    )
    reason: str = "it does not answer"
    timeout: float


class PostgresLoginError(PostgresUnreachableError, BrokerSetupError):
    """The server refuses the user, the password or the database."""

    advice: str = "Look at the user, the password and the database of its URL."


class PostgresCommandError(BrokerError, ResultBackendError):
    """The server refused a statement."""

    __template__ = "PostgreSQL at {address} refused a statement: {reason}"
    address: str
    reason: str


class PostgresRightsError(PostgresCommandError, BrokerSetupError):
    """The role lacks a right."""

    __template__ = (
        "PostgreSQL at {address} does not let its role do what taskiq needs: {reason}. Give the "
        "role the rights that the README of taskiq-pgsql lists."
    )


class SchemaError(PostgresCommandError, BrokerSetupError):
    """The tables are not there."""

    __template__ = (
        "The database at {address} has no tables of taskiq in schema {schema!r}, or not all of "
        "them: {reason}. Create them with `taskiq pgsql migrate`, or run what `taskiq pgsql sql` "
        "prints."
    )
    schema: str
    reason: str = "they were not created, or are of an older version"


class SchemaVersionError(SchemaError):
    """A newer version of this package made the tables, and they can't be used by this one."""

    __template__ = (
        "The tables at {address} in schema {schema!r} have version {found}, this taskiq-pgsql "
        "knows versions up to {known}: upgrade the package in this environment"
    )
    reason: str = "they are of a newer version"
    found: int
    known: int


class PostgresUrlError(TaskiqError, ValueError):
    """A URL can't be understood; the message does not hold it, because it may have a password."""

    __template__ = "The URL of the PostgreSQL server can't be used: {reason}"
    reason: str


class TransactionError(SendTaskError):
    """No task can be sent by this connection or session, inside its transaction."""

    __template__ = "Tasks can't be sent inside a transaction of {connection!r}: {reason}"
    task_name: str = ""
    connection: str
    reason: str
