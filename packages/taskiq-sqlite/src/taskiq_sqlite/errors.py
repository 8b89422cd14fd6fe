"""The errors of a database file, under those of taskiq-core.

```
BrokerConnectionError, ResultBackendError
└── DatabaseError               the file can't be used
    ├── DatabaseFileError       its place or its format is wrong (also BrokerSetupError)
    │   └── SchemaVersionError  a newer taskiq-sqlite wrote it
    ├── DatabaseGoneError       it was deleted or replaced while it was open
    └── DatabaseBusyError       another process has locked it for too long
```

The errors that all durable brokers share are importable from here, too.
"""

from taskiq_core.exceptions import (
    BrokerConnectionError,
    BrokerSetupError,
    DuplicateKeyError,
    MessageTooLargeError,
    ResultBackendError,
    ResultMissingError,
)

__all__ = [
    "DatabaseBusyError",
    "DatabaseError",
    "DatabaseFileError",
    "DatabaseGoneError",
    "DuplicateKeyError",
    "MessageTooLargeError",
    "ResultMissingError",
    "SchemaVersionError",
]


class DatabaseError(BrokerConnectionError, ResultBackendError):
    """A database file can't be used."""

    __template__ = "The database {address} can't be used: {reason}"
    broker: str = "taskiq-sqlite"
    address: str
    reason: str


class DatabaseFileError(DatabaseError, BrokerSetupError):
    """The file can't be used in its place, or with its content."""


class SchemaVersionError(DatabaseFileError):
    """A newer version of this package wrote the file."""

    __template__ = (
        "The database {address} has schema version {found}, this taskiq-sqlite knows versions up "
        "to {known}: upgrade the package in this environment, or use another file"
    )
    reason: str = "it is of a newer version"
    found: int
    known: int


class DatabaseGoneError(DatabaseError):
    """The file was deleted, or another one was put in its place, while it was open."""

    __template__ = (
        "The database {address} was deleted or replaced while it was open: this call is lost, as "
        "is everything that the file held. The next call uses the file that is there then, or "
        "creates one. Stop all programs that use a file before you delete or restore it."
    )
    reason: str = "it was deleted or replaced while it was open"


class DatabaseBusyError(DatabaseError):
    """Another process has locked the file for too long."""

    __template__ = (
        "The database {address} was locked by another process for more than {busy_timeout} s. Look "
        "for a program that holds a transaction open (a shell, a backup), or raise busy_timeout."
    )
    reason: str = "another process has locked it"
    busy_timeout: float
