"""The contract of commands in the older entry-point group `taskiq_cli`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence


class TaskiqCMD(ABC):
    """One subcommand of `taskiq`."""

    short_help = ""

    @abstractmethod
    def exec(self, args: Sequence[str]) -> int | None:
        """Run with the arguments after the command's name; an int is the exit status."""
