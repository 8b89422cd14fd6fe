"""Canary: a folder that exists only if hostile input was executed."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

VARIABLE = "HOSTILE_CANARY"


def canary() -> Path:
    """The folder that must not come to exist; children inherit its place."""
    return Path(os.environ.get(VARIABLE, "hostile-canary"))


class _MakesFolder:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(canary()),)


def pickles() -> list[bytes]:
    """Pickles that make the folder when they are read, in each protocol."""
    return [pickle.dumps(_MakesFolder(), protocol) for protocol in range(6)]


def records() -> list[dict[str, Any]]:
    """Exception records whose types are other callables, which make the folder if called."""
    path = str(canary())
    code = f"__import__('os').mkdir({path!r})"
    callables = [
        ("os", "mkdir", [path]),
        ("posix", "mkdir", [path]),
        ("os", "makedirs", [path]),
        ("os", "system", [f"mkdir {path}"]),
        ("builtins", "eval", [code]),
        ("builtins", "exec", [code]),
        ("subprocess", "Popen", [["mkdir", path]]),
        ("subprocess", "check_call", [["mkdir", path]]),
        ("pathlib", "Path.mkdir", [path]),
        ("pathlib", "Path.__class__", [path, [], {}]),
        ("builtins", "type", ["x", [], {}]),
        ("builtins", "object", []),
        ("builtins", "print", [path]),
        ("builtins", "BaseException.__subclasses__", []),
        ("taskiq_testservers.hostile.canary", "canary", []),
        ("taskiq_testservers.hostile.canary", "_MakesFolder", []),
        ("builtins", "SystemExit", [7]),
        ("builtins", "KeyboardInterrupt", []),
        ("builtins", "GeneratorExit", []),
        ("asyncio.exceptions", "CancelledError", []),
        ("builtins", "StopIteration", [1]),
        ("builtins", "UnicodeDecodeError", ["utf-8", "not bytes", 0, 1, "x"]),
        ("builtins", "ExceptionGroup", ["", []]),
        ("taskiq_core.exceptions", "UnreadableMessageError", []),
        (None, "eval", [code]),
        ("", "", []),
        ("os\0", "mkdir", [path]),
        ("..", "..", []),
        ("taskiq_core.not_imported", "Error", [1]),
    ]
    return [
        {"exc_type": name, "exc_module": module, "exc_message": arguments}
        for module, name, arguments in callables
    ]


def record_texts() -> list[bytes]:
    """The records as JSON."""
    return [json.dumps(record).encode() for record in records()]
