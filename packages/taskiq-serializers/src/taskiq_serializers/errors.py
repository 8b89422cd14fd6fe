"""Errors of taskiq-serializers."""

from taskiq_core.exceptions import TaskiqError


class SerializerLibraryMissingError(TaskiqError, ImportError):
    """The library of a serializer is not installed."""

    __template__ = '{serializer} needs {library}: pip install "taskiq[{extra}]"'
    serializer: str
    library: str
    extra: str
