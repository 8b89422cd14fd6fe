"""The counts of a Python source file."""

import ast
import tokenize
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Function:
    """A function and how long it is."""

    lines: int
    name: str
    path: str


@dataclass(frozen=True)
class Census:
    """The counts of one file.

    Attributes:
        is_parsed: False for the few files of the library that are invalid Python on purpose.
        longest: the longest function; None if there is no function.
    """

    path: str
    lines: int
    functions: int = 0
    classes: int = 0
    is_parsed: bool = True
    longest: Function | None = None


def take_census(path: str) -> Census:
    """Parse a file and count."""
    try:
        with tokenize.open(path) as file:
            source = file.read()
        tree = ast.parse(source, path)
    except (SyntaxError, ValueError):
        return Census(path, lines=len(Path(path).read_bytes().splitlines()), is_parsed=False)
    nodes = list(ast.walk(tree))
    functions = [
        Function((node.end_lineno or node.lineno) - node.lineno + 1, node.name, path)
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return Census(
        path,
        lines=len(source.splitlines()),
        functions=len(functions),
        classes=sum(isinstance(node, ast.ClassDef) for node in nodes),
        longest=max(functions, default=None),
    )
