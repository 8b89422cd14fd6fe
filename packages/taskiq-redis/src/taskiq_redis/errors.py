"""What can go wrong with tasks in Redis.

```
BrokerConnectionError, ResultBackendError
└── RedisUnreachableError       there is no connection to the server, or it was lost
    ├── RedisTimeoutError       ... or it does not answer
    └── RedisLoginError         ... or it refuses the user or the password (also BrokerSetupError)
BrokerError, ResultBackendError
└── RedisCommandError           the server refused a command
    ├── RedisFullError          ... because its memory is full
    └── RedisRightsError        ... because the user may not do that (also BrokerSetupError)
SendTaskError
├── DuplicateKeyError           a message with this unique key waits or runs already
└── MessageTooLargeError        a task is larger than the broker takes
ResultGetError
└── ResultMissingError          there is no such result
TaskiqError
└── RedisUrlError               a URL can't be understood
```
"""

from taskiq_core.exceptions import (
    BrokerConnectionError,
    BrokerError,
    BrokerSetupError,
    ResultBackendError,
    ResultGetError,
    SendTaskError,
    TaskiqError,
)


class RedisUnreachableError(BrokerConnectionError, ResultBackendError):
    """There is no connection to the server."""

    __template__ = (
        "Redis at {address} can't be reached: {reason}. {advice} It is tried again with the next "
        "call."
    )
    broker: str = "taskiq-redis"
    address: str
    reason: str
    advice: str = "Is it running there?"


class RedisTimeoutError(RedisUnreachableError):
    """The server does not answer."""

    __template__ = (
        "Redis at {address} has not answered for {timeout:g} s. Look for slow commands "
        "(SLOWLOG GET), or raise socket_timeout."
    )
    reason: str = "it does not answer"
    timeout: float


class RedisLoginError(RedisUnreachableError, BrokerSetupError):
    """The server refuses the user or the password."""

    advice: str = "Look at the user and the password of its URL."


class RedisCommandError(BrokerError, ResultBackendError):
    """The server refused a command."""

    __template__ = "Redis at {address} refused {command}: {reason}"
    address: str
    command: str
    reason: str


class RedisFullError(RedisCommandError):
    """The server's memory is full; nothing that it has is lost."""

    __template__ = (
        "Redis at {address} has no memory left for {command}: {reason}. Nothing was stored, and "
        "what it has is kept. Raise maxmemory: results can't be stored either."
    )


class RedisRightsError(RedisCommandError, BrokerSetupError):
    """The user of the connection may not do what is needed."""

    __template__ = (
        "Redis at {address} does not let its user do what {command} needs: {reason}. Give the user "
        "the rights that the README of taskiq-redis lists; `ACL LOG` says what was refused."
    )


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
        "reference to the data, or raise max_message_size of the broker."
    )
    size: int
    limit: int


class ResultMissingError(ResultGetError):
    """There is no result of this task."""

    __template__ = (
        "There is no result of task {task_id} in Redis: it has not ended yet, its result has "
        "expired, or was deleted when it was read (keep_results=False). wait_result waits for it."
    )
    task_id: str


class RedisUrlError(TaskiqError, ValueError):
    """A URL can't be understood; the message does not hold it, for it may have a password."""

    __template__ = "The URL of the Redis server can't be used: {reason}"
    reason: str
