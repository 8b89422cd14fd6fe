"""The end of a command by an error: one paragraph on standard error and an exit status."""

import click

from taskiq_cli.errors import CommandError
from taskiq_cli.exit_codes import ExitCode
from taskiq_core.exceptions import TaskiqError
from taskiq_core.plugins.redaction import without_credentials


class Failure(click.ClickException):
    """Printed by click as "Error: ...", without a traceback."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(without_credentials(message))
        # click reads it from the instance, and declares it for the class.
        self.__dict__["exit_code"] = exit_code


def failure(error: TaskiqError) -> Failure:
    """The failure that ends a command because of an error, with its exit status."""
    if isinstance(error, CommandError):
        return Failure(str(error), error.exit_code)
    return Failure(str(error), _status_of(error))


def _status_of(error: TaskiqError) -> ExitCode:
    from taskiq_core.exceptions import BrokerError, CapabilityError, ResultBackendError
    from taskiq_core.loading.errors import LoadError
    from taskiq_core.plugins import BrokerUrlError, PluginError, PluginSettingsError

    if isinstance(error, BrokerUrlError) or _is_bad_url(error):
        return ExitCode.USAGE
    if isinstance(error, LoadError):
        return ExitCode.LOAD_FAILED
    if isinstance(error, CapabilityError):
        return ExitCode.UNSUPPORTED
    if isinstance(error, BrokerError | ResultBackendError):
        return ExitCode.BROKER_UNUSABLE
    if isinstance(error, PluginSettingsError):
        return ExitCode.USAGE
    return ExitCode.PLUGIN_UNAVAILABLE if isinstance(error, PluginError) else ExitCode.FAILURE


def _is_bad_url(error: TaskiqError) -> bool:
    """Whether a plugin of ours, or of others, says that a value it was given makes no sense."""
    from taskiq_core.exceptions import BrokerError
    from taskiq_core.plugins import PluginError

    return isinstance(error, ValueError) and not isinstance(error, BrokerError | PluginError)
