"""The contract of command plugins."""

from taskiq_core.abc.cmd import TaskiqCMD

__all__ = ["TaskiqCMD"]
