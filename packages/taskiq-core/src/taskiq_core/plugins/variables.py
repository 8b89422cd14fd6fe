"""The environment variables that taskiq reads, and misspelt names of them."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Final

BROKER_VARIABLE: Final = "TASKIQ_BROKER_URL"
"""Environment variable: the broker of `broker_from_url()`."""
RESULT_BACKEND_VARIABLE: Final = "TASKIQ_RESULT_BACKEND_URL"
"""Environment variable: the result backend of `result_backend_from_url()`."""
DISABLE_VARIABLE: Final = "TASKIQ_DISABLE_PLUGINS"
"""Environment variable: names that are not loaded, comma-separated; `*` means all."""
WORKERS_FOLDER_VARIABLE: Final = "TASKIQ_WORKERS_DIR"
"""Environment variable: set for worker processes, the folder that those of one supervisor share."""

KNOWN_VARIABLES: Final = frozenset(
    {BROKER_VARIABLE, RESULT_BACKEND_VARIABLE, DISABLE_VARIABLE, WORKERS_FOLDER_VARIABLE}
)

_BEGINNING: Final = "TASK"
_ALIKE: Final = 0.85  # TASKIQ_REDIS_URL is an application's own, TASKIQ_BROKER_ULR is not


def misspelt_variables(
    names: Iterable[str], known: Collection[str] = KNOWN_VARIABLES
) -> Mapping[str, str]:
    """Find names that are probably misspelt.

    Args:
        names: of the variables that are set.
        known: the names that are read.

    Returns:
        The known name that each misspelt one is close to.
    """
    unknown = [name for name in names if name.startswith(_BEGINNING) and name not in known]
    found: dict[str, str] = {}
    for name in sorted(unknown):
        close = get_close_matches(name, known, n=1, cutoff=_ALIKE)
        if close:
            found[name] = close[0]
    return found
