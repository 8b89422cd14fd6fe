"""What `--reload` needs beside this package."""

from importlib.util import find_spec

from taskiq_cli.errors import ExtraMissingError


def check_reload_requirements() -> None:
    """Raise ExtraMissingError unless the packages of the extra `reload` are installed."""
    for package in ("watchfiles", "pathspec"):
        if find_spec(package) is None:
            raise ExtraMissingError(
                option="--reload", package=package, cure='pip install "taskiq-cli[reload]"'
            )
