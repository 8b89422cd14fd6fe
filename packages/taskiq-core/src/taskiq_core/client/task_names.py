"""The name that a task gets when it is not given one."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4


def default_task_name(func: Callable[..., Any]) -> str:
    """`module:function`, the same in the process that sends and in the one that runs it.

    A script's own module is called `__main__` where it is started and by its file's name where a
    worker imports it, so the file's name is taken for both. Lambdas get a random name, each its
    own.
    """
    module = getattr(func, "__module__", None) or "unknown"
    if module == "__main__":
        module = _main_module()
    name = getattr(func, "__name__", type(func).__name__)
    if name == "<lambda>":
        name = f"lambda_{uuid4().hex}"
    return f"{module}:{name}"


def _main_module() -> str:
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    if file is None or file.startswith("<"):  # typed in, or piped: <stdin>
        return "__main__"
    path = Path(file).resolve()
    try:
        path = path.relative_to(Path.cwd())
    except ValueError:
        path = Path(path.name)
    return ".".join(path.with_suffix("").parts)
