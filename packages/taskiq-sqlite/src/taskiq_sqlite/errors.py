"""What can go wrong with tasks in a file.

```
BrokerConnectionError, ResultBackendError
└── DatabaseError               the file can't be used
    ├── DatabaseFileError       ... where it is, or as what it is (also BrokerSetupError)
    │   └── SchemaVersionError  a newer taskiq-sqlite made it
    ├── DatabaseGoneError       it was deleted or replaced while it was open
    └── DatabaseBusyError       another process has it locked for too long
SendTaskError
├── DuplicateKeyError           a message with this unique key waits or runs already
└── MessageTooLargeError        a task is larger than the broker takes
ResultGetError
└── ResultMissingError          there is no such result
```
"""

from taskiq_core.exceptions import (
    BrokerConnectionError,
    BrokerSetupError,
    ResultBackendError,
    ResultGetError,
    SendTaskError,
)


class DatabaseError(BrokerConnectionError, ResultBackendError):
    """A database file can't be used."""

    __template__ = "The database {address} can't be used: {reason}"
    broker: str = "taskiq-sqlite"
    address: str
    reason: str


class DatabaseFileError(DatabaseError, BrokerSetupError):
    """The file can't be used where it is, or as what it is."""


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
        "The database {address} was deleted or replaced while it was open: what this call did is "
        "gone with it, as is what had been stored there. The next call uses what is there then, or "
        "makes a new file. Stop all programs that use a file before you delete or restore it."
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


class DuplicateKeyError(SendTaskError):
    """A message with the same unique key waits, or is with a worker."""

    __template__ = (
        "Task {task_name!r} was not sent: task {holder} has the unique key {unique_key!r}, and "
        "keeps it until it has ended. Send it then, or wait for the result of {holder} instead."
    )
    unique_key: str
    holder: str


class MessageTooLargeError(SendTaskError):
    """A task is larger than the broker takes."""

    __template__ = (
        "Task {task_name!r} was not sent: it has {size} bytes, {limit} are allowed. Pass a "
        "reference to the data, or raise SQLiteBroker(max_message_size=...)."
    )
    size: int
    limit: int


class ResultMissingError(ResultGetError):
    """There is no result of this task."""

    __template__ = (
        "There is no result of task {task_id} in {address}: it has not ended yet, or its result "
        "was older than the result_ttl it was stored with. wait_result waits for it."
    )
    task_id: str
    address: str
