"""Making a plugin from the template."""

from enum import StrEnum
from pathlib import Path
from typing import Final

import copier

from taskiq_templates.errors import FolderExistsError
from taskiq_templates.names import PluginNames

TEMPLATE: Final = Path(__file__).parent / "template"


class PluginKind(StrEnum):
    """What a plugin adds."""

    BROKER = "broker"
    BACKEND = "backend"
    MIDDLEWARE = "middleware"
    SCHEDULE_SOURCE = "schedule-source"
    COMMAND = "command"


def make_plugin(kind: PluginKind, name: str, folder: Path | None = None) -> Path:
    """Write the files of a new plugin.

    Args:
        kind: what it adds.
        name: of the plugin; "amqp" makes the package "taskiq-amqp".
        folder: where; a new folder of the package's name, here, if it is None.

    Returns:
        The folder.

    Raises:
        PluginNameError: a package can't have the name.
        FolderExistsError: the folder is not empty.
    """
    names = PluginNames.of(name)
    target = folder or Path(names.package)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FolderExistsError(folder=str(target))
    answers = {
        "kind": kind.value,
        "name": names.name,
        "package": names.package,
        "module": names.module,
        "class_name": names.class_name,
    }
    copier.run_copy(str(TEMPLATE), target, data=answers, defaults=True, quiet=True)
    return target
