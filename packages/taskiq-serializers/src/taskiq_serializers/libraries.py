"""Optional libraries, which extras install."""

from importlib import import_module
from typing import Any

from taskiq_serializers.errors import SerializerLibraryMissingError


def load_library(library: str, *, serializer: str, extra: str) -> Any:
    """Import the library of a serializer.

    Args:
        library: the module to import.
        serializer: the class that needs it.
        extra: of `taskiq`, which brings it.

    Raises:
        SerializerLibraryMissingError: it is not installed.
    """
    try:
        return import_module(library)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise SerializerLibraryMissingError(
            serializer=serializer,
            library=library,
            extra=extra,
        ) from error
