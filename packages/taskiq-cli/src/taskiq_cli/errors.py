"""The errors of commands, as one tree.

```
TaskiqError
└── CommandError                  printed as one paragraph, ends the command with `exit_code`
    ├── SettingsError                 [tool.taskiq], or what it asks for
    ├── ExtraMissingError             an optional dependency is not installed
    ├── PluginCommandError            a plugin's command can't be used
    ├── BrokerUnusableError           a broker can't be asked
    ├── StartError                    a worker can't start as the application is set up
    ├── PrivateStateError             the state is in another process
    ├── UnknownQueueError             the broker has never held a message of that queue
    ├── HealthAddressError            not of the form host:port or unix:/path (also a ValueError)
    └── NoHealthError                 no worker answers at an address
LoadError (of taskiq_core.loading) the command ends with LOAD_FAILED
├── MuteBrokerError                   the broker has nothing that a worker could listen to
└── ReceiverError                     the receiver can't be used (also a ValueError)
```
"""

from taskiq_cli.exit_codes import ExitCode
from taskiq_core.exceptions import TaskiqError
from taskiq_core.loading.errors import LoadError
from taskiq_core.plugins.redaction import without_credentials


class CommandError(TaskiqError):
    """A command can't do what it was asked for."""

    __template__ = "{reason}"
    # Without an annotation: those are the fields of the message.
    exit_code = ExitCode.FAILURE
    reason: str = ""

    def __str__(self) -> str:
        """The message, without the password of a URL that an operator typed or a library quotes."""
        return without_credentials(super().__str__())


class SettingsError(CommandError):
    """[tool.taskiq] in pyproject.toml can't be used."""

    exit_code = ExitCode.USAGE


class ExtraMissingError(CommandError):
    """An option needs a package that is not installed."""

    __template__ = "{option} needs {package}, which is not installed: {cure}"
    exit_code = ExitCode.PLUGIN_UNAVAILABLE
    option: str
    package: str
    cure: str


class PluginCommandError(CommandError):
    """A command that a plugin provides can't be used."""

    __template__ = "The command {command!r} of {plugin} can't be used: {reason}. {cure}"
    exit_code = ExitCode.PLUGIN_UNAVAILABLE
    command: str
    plugin: str
    cure: str


class BrokerUnusableError(CommandError):
    """A broker can't be connected to, or failed when it was asked."""

    __template__ = (
        "{broker} can't be asked: {error} ({place}). Is its server up, and its address right? "
        "--traceback shows more."
    )
    exit_code = ExitCode.BROKER_UNUSABLE
    broker: str
    error: str
    place: str


class StartError(CommandError):
    """A worker can't start, and would not when it is tried again."""

    __template__ = "The worker can't start: {reason}"
    exit_code = ExitCode.START_FAILED


class PrivateStateError(CommandError):
    """The state of a broker or a result backend is visible in its own process only."""

    __template__ = "{part} can't be asked from here: {reason}"
    exit_code = ExitCode.UNSUPPORTED
    part: str


class UnknownQueueError(CommandError):
    """A queue was named that has never held a message."""

    __template__ = "There is no queue {queue!r} yet. Known are: {known}."
    queue: str
    known: str


class HealthAddressError(CommandError, ValueError):
    """A text is not the address of a health server."""

    __template__ = (
        "{address!r} is not of the form HOST:PORT, such as 127.0.0.1:8080, or unix:/PATH."
    )
    exit_code = ExitCode.USAGE
    address: str


class NoHealthError(CommandError):
    """No health server answers at an address."""

    __template__ = (
        "No health at {address}: {reason}. Is `taskiq worker --health {address}` running?"
    )
    exit_code = ExitCode.USAGE  # 2, as probes have it for "nobody is there"
    address: str


class MuteBrokerError(LoadError):
    """A broker has nothing that a worker could listen to."""

    __template__ = "A worker can't run with {spec!r}. {reason}"
    spec: str
    reason: str


class ReceiverError(LoadError, ValueError):
    """The receiver can't be used."""

    __template__ = "The receiver {spec!r} can't be used: {reason}"
    spec: str
