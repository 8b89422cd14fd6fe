"""What to install when a name of the façade is in a package that is not there."""


def not_installed(name: str, package: str, error: ImportError | None = None) -> ImportError:
    """The error to raise for `name`, with the cure.

    Not an AttributeError, which `from taskiq import ...` replaces by a text of its own.

    Args:
        name: what was asked for.
        package: the distribution that has it, `taskiq-zmq`.
        error: what importing it failed with; returned as it is if something else is missing.
    """
    if error is not None and error.name != package.replace("-", "_"):
        return error
    extra = package.removeprefix("taskiq-")
    return ImportError(f'{name} is in {package}: pip install "taskiq[{extra}]"', name=name)
