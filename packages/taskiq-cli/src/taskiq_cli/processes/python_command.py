"""The command line that runs a module in the same Python."""

import sys


def python_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module in the same interpreter, with the same switches.

    `-P` keeps the current folder off the import path: a `json.py` in an application's folder must
    not take the place of Python's own. Processes that import the application add the folder
    themselves.
    """
    return [sys.executable, *_switches(), "-P", "-m", module, *arguments]


def _switches() -> list[str]:
    switches = [f"-W{filter_}" for filter_ in sys.warnoptions]
    for name, value in sys._xoptions.items():
        switches += ["-X", name if value is True else f"{name}={value}"]
    if sys.flags.optimize:
        switches.append("-" + "O" * sys.flags.optimize)
    if sys.flags.isolated:
        switches.append("-I")
    return switches
