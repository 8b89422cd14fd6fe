"""What can go wrong with tasks in NATS.

```
BrokerConnectionError, ResultBackendError
└── NatsUnreachableError    there is no connection to a server, or it was lost
    ├── NatsTimeoutError    ... or the server does not answer
    └── NatsLoginError      ... or it refuses the credentials (also BrokerSetupError)
BrokerError, ResultBackendError
└── NatsCommandError        JetStream refused a request
    └── NatsStreamError     ... because a stream is missing, or JetStream is off
        └── NatsSetupError  ... and may not be created (also BrokerSetupError)
ResultBackendError, ValueError
└── ResultTooLargeError     a result is larger than a message of the server
TaskiqError, ValueError
└── NatsUrlError            a URL can't be understood
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
    "NatsCommandError",
    "NatsLoginError",
    "NatsSetupError",
    "NatsStreamError",
    "NatsTimeoutError",
    "NatsUnreachableError",
    "NatsUrlError",
    "ResultMissingError",
    "ResultTooLargeError",
]


class NatsUnreachableError(BrokerConnectionError, ResultBackendError):
    """There is no connection to a server."""

    __template__ = "NATS at {address} can't be reached: {reason}. {advice}"
    broker: str = "taskiq-nats"
    address: str
    reason: str
    advice: str = "Is it running there? The connection is renewed by itself."


class NatsTimeoutError(NatsUnreachableError):
    """The server does not answer."""

    __template__ = (
        "NATS at {address} has not answered for {timeout:g} s. Look at its load and its disk, or "
        "raise request_timeout."
    )
    reason: str = "it does not answer"
    timeout: float


class NatsLoginError(NatsUnreachableError, BrokerSetupError):
    """The server refuses the credentials."""

    advice: str = "Look at the user, the password, the token or the credentials file."


class NatsCommandError(BrokerError, ResultBackendError):
    """JetStream refused a request.

    Attributes:
        code: the number of the error, as JetStream has it.
    """

    __template__ = "NATS at {address} refused {request}: {reason} (error {code})"
    address: str
    request: str
    reason: str
    code: int = 0


class NatsStreamError(NatsCommandError):
    """A stream is missing, or JetStream is off."""

    __template__ = (
        "NATS at {address} has no JetStream stream for {request}: {reason}. Start the server with "
        "JetStream (-js) and a folder for it; the broker creates the stream when it starts again."
    )


class NatsSetupError(NatsStreamError, BrokerSetupError):
    """A stream is missing and may not be created."""

    __template__ = (
        "NATS at {address} has no stream {request!r} of taskiq, and this process may not create "
        "it: {reason}. Start a worker or a client of the application first, or look at queue_name."
    )


class ResultTooLargeError(ResultBackendError, ValueError):
    """A result is larger than a message of the server."""

    __template__ = (
        "The result of task {task_id} has {size} bytes, the server takes {limit}. Return a "
        "reference to the data, or raise max_payload of the server."
    )
    task_id: str
    size: int
    limit: int


class NatsUrlError(TaskiqError, ValueError):
    """A URL can't be understood; the message does not hold it, because it may have a password."""

    __template__ = "The URL of the NATS server can't be used: {reason}"
    reason: str
