"""What can go wrong with tasks in RabbitMQ.

```
BrokerConnectionError
└── RabbitUnreachableError    there is no connection to the server, or it was lost
    ├── RabbitTimeoutError    ... or the server does not answer
    ├── RabbitBlockedError    ... or it takes no messages, as its memory or disk is full
    └── RabbitLoginError      ... or it refuses the user, password or virtual host (also
                              BrokerSetupError)
BrokerError
└── RabbitCommandError        the server refused a command
    ├── RabbitRightsError     ... because the user lacks a right (also BrokerSetupError)
    └── QueueMissingError     ... because a queue is not there
TaskiqError
└── RabbitUrlError            a URL can't be understood
```

`MessageTooLargeError` is that of taskiq-core.
"""

from taskiq_core.exceptions import (
    BrokerConnectionError,
    BrokerError,
    BrokerSetupError,
    MessageTooLargeError,
    TaskiqError,
)

__all__ = [
    "MessageTooLargeError",
    "QueueMissingError",
    "RabbitBlockedError",
    "RabbitCommandError",
    "RabbitLoginError",
    "RabbitRightsError",
    "RabbitTimeoutError",
    "RabbitUnreachableError",
    "RabbitUrlError",
]


class RabbitUnreachableError(BrokerConnectionError):
    """There is no connection to the server."""

    __template__ = (
        "RabbitMQ at {address} can't be reached: {reason}. {advice} The next call connects again."
    )
    broker: str = "taskiq-aio-pika"
    address: str
    reason: str
    advice: str = "Is it running there?"


class RabbitTimeoutError(RabbitUnreachableError):
    """The server does not answer."""

    __template__ = (
        "RabbitMQ at {address} has not answered for {timeout:g} s. Look at its load and at the "
        "majority of its nodes, or raise confirm_timeout."
    )
    reason: str = "it does not answer"
    timeout: float


class RabbitBlockedError(RabbitUnreachableError):
    """The server takes no messages for the time being."""

    __template__ = (
        "RabbitMQ at {address} takes no messages: it has raised an alarm for its memory or disk "
        "(`rabbitmqctl list_alarms` shows it). What was sent meanwhile may be stored later."
    )
    reason: str = "it has raised an alarm"


class RabbitLoginError(RabbitUnreachableError, BrokerSetupError):
    """The server refuses the user, the password or the virtual host."""

    advice: str = "Look at the user, the password and the virtual host of its URL."


class RabbitCommandError(BrokerError):
    """The server refused a command."""

    __template__ = "RabbitMQ at {address} refused a command: {reason}"
    address: str
    reason: str


class RabbitRightsError(RabbitCommandError, BrokerSetupError):
    """The user lacks a right."""

    __template__ = (
        "RabbitMQ at {address} does not let its user do what taskiq needs: {reason}. Give the "
        "user the rights that the README of taskiq-aio-pika lists."
    )


class QueueMissingError(RabbitCommandError):
    """A queue is not there, and may not be created or was deleted."""

    __template__ = (
        "RabbitMQ at {address} has no queue {queue!r}. A worker or client that may create queues "
        "creates it when it starts."
    )
    reason: str = "the queue does not exist"
    queue: str


class RabbitUrlError(TaskiqError, ValueError):
    """A URL can't be understood; the message does not hold it, because it may have a password."""

    __template__ = "The URL of the RabbitMQ server can't be used: {reason}"
    reason: str
