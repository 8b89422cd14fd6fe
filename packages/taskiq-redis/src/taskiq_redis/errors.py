"""What can go wrong with tasks in Redis.

```
BrokerConnectionError, ResultBackendError
└── RedisUnreachableError       there is no connection to the server, or it was lost
    ├── RedisTimeoutError       ... or the server does not answer
    └── RedisLoginError         ... or it refuses the user or the password (also BrokerSetupError)
BrokerError, ResultBackendError
└── RedisCommandError           the server refused a command
    ├── RedisFullError          ... because its memory is full
    └── RedisRightsError        ... because the user lacks a right (also BrokerSetupError)
TaskiqError
└── RedisUrlError               a URL can't be understood
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
    TaskiqError,
)

__all__ = [
    "DuplicateKeyError",
    "MessageTooLargeError",
    "RedisCommandError",
    "RedisFullError",
    "RedisLoginError",
    "RedisRightsError",
    "RedisTimeoutError",
    "RedisUnreachableError",
    "RedisUrlError",
    "ResultMissingError",
]


class RedisUnreachableError(BrokerConnectionError, ResultBackendError):
    """There is no connection to the server."""

    __template__ = (
        "Redis at {address} can't be reached: {reason}. {advice} The next call connects again."
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
    """The user of the connection lacks a right."""

    __template__ = (
        "Redis at {address} does not let its user do what {command} needs: {reason}. Give the user "
        "the rights that the README of taskiq-redis lists; `ACL LOG` says what was refused."
    )


class RedisUrlError(TaskiqError, ValueError):
    """A URL can't be understood; the message does not hold it, because it may have a password."""

    __template__ = "The URL of the Redis server can't be used: {reason}"
    reason: str
