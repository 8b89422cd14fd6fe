"""Names that are loaded when they are asked for."""

import sys
from collections.abc import Mapping
from importlib import import_module


def resolve(module_name: str, name: str, homes: Mapping[str, str]) -> object:
    """What a lazy module's `__getattr__` returns; remembered in the module.

    `__all__` is lazy, too: who asks for it is about to look at every name, as `import *` and
    documentation tools do. It holds the names whose packages are installed.

    Args:
        module_name: whose attribute it is.
        name: the attribute.
        homes: the module of each name.

    Raises:
        AttributeError: the module has no such name.
        ImportError: the package that has it is not installed.
    """
    namespace = vars(sys.modules[module_name])
    if name == "__all__":
        names = [known for known in homes if _is_installed(module_name, known, homes)]
        namespace[name] = names
        return names
    if name not in homes:
        raise AttributeError(f"module {module_name!r} has no attribute {name!r}")
    value = namespace[name] = getattr(import_module(homes[name]), name)
    return value


def _is_installed(module_name: str, name: str, homes: Mapping[str, str]) -> bool:
    try:
        resolve(module_name, name, homes)
    except ImportError:
        return False
    return True
