"""The names of a new plugin, all made from the one that its author gives."""

import keyword
import re
from dataclasses import dataclass
from typing import Final, Self

from taskiq_templates.errors import PluginNameError

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class PluginNames:
    """The names of a plugin.

    Attributes:
        name: as `taskiq plugins` lists it, and its URL scheme.
        package: the distribution.
        module: what is imported.
        class_name: the beginning of its classes.
    """

    name: str
    package: str
    module: str
    class_name: str

    @classmethod
    def of(cls, name: str) -> Self:
        """Return the names of a plugin.

        Args:
            name: lower-case words with hyphens; "taskiq-" before it is left out.

        Raises:
            PluginNameError: a package can't have it.
        """
        short = name.removeprefix("taskiq-")
        if not _NAME.fullmatch(short) or keyword.iskeyword(short):
            raise PluginNameError(name=name)
        return cls(
            name=short,
            package=f"taskiq-{short}",
            module=f"taskiq_{short.replace('-', '_')}",
            class_name="".join(word.capitalize() for word in short.split("-")),
        )
