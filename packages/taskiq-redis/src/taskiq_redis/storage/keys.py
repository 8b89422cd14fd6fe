"""The beginnings of keys: of a queue, of results and of schedules."""

import re
from typing import Final

_HASH_TAG: Final = re.compile(r"\{[^}]+\}")


def key_base(name: str) -> str:
    """Return a name with a part in braces, which alone decides on a key's slot in a cluster."""
    return name if _HASH_TAG.search(name) else f"{{{name}}}"
