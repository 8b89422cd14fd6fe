"""What can go wrong when a plugin is made."""

from taskiq_core.exceptions import TaskiqError


class PluginNameError(TaskiqError, ValueError):
    """A package can't have this name."""

    __template__ = (
        "{name!r} can't be the name of a plugin. Give lower-case letters and digits, with hyphens "
        "between words: amqp, my-queue."
    )
    name: str


class FolderExistsError(TaskiqError):
    """The folder of the new plugin is there, and is not empty."""

    __template__ = "The folder {folder} is not empty. Give another one with --folder."
    folder: str
