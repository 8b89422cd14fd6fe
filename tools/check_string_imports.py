"""Find imports that are written as strings, which the import contracts can't see.

    python tools/check_string_imports.py [ROOT]

A string in the sources of a package counts if it names a module of one of the packages: alone, as a
lazy target (`"taskiq_zmq.broker:ZeroMQBroker"`), after `-m`, or as the beginning of an f-string.

- A package may name its own modules. Lazy targets and calls of `import_module` and `find_spec`
  belong into its `plugin.py` and the `__init__.py` of its packages.
- A package may name modules of taskiq_core, except `taskiq_core.flow`.
- The facade `taskiq` may name all of them.
- A line with the comment `# not an import` is passed over: names of tasks look like targets.

Prints a line for each finding; the exit status is 1 if there is one.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from findings import Finding

CORE = "taskiq_core"
FACADE = "taskiq"
PRIVATE_CORE = "taskiq_core.flow"
NOT_AN_IMPORT = "# not an import"
FRONTS = ("plugin.py", "__init__.py")
IMPORTERS = ("import_module", "find_spec", "__import__", "run_module")
_MODULE = re.compile(r"(?P<module>[a-z]\w*(?:\.\w+)*)(?P<target>:[\w.]+)?")


def main() -> int:
    """Check the repository that the first argument names; by default, this one."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    findings = list(check(root))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def check(root: Path) -> Iterator[Finding]:
    """Check the sources of all packages.

    Args:
        root: of the repository, which holds `packages/*/src/*`.
    """
    packages = {
        folder.name: folder
        for folder in sorted(root.glob("packages/*/src/*"))
        if (folder / "__init__.py").is_file()
    }
    for package, folder in packages.items():
        for file in sorted(folder.rglob("*.py")):
            source = file.read_text(encoding="utf-8")
            lines = source.splitlines()
            for named in _named_modules(ast.parse(source, str(file)), packages):
                reason = _reason(named, package, file.name)
                if reason and NOT_AN_IMPORT not in lines[named.line - 1]:
                    path = file.relative_to(root).as_posix()
                    yield Finding(path, named.line, named.text, reason)


@dataclass(frozen=True, slots=True)
class _Named:
    """A string that names a module, and how."""

    text: str
    line: int
    module: str
    is_lazy: bool


def _reason(named: _Named, package: str, file: str) -> str:
    other = named.module.partition(".")[0]
    if other == package:
        if named.is_lazy and file not in FRONTS:
            return "imports lazily outside of plugin.py and __init__.py: import it"
        return ""
    if package == FACADE or (other == CORE and not _is_in(named.module, PRIVATE_CORE)):
        return ""
    return f"names a module of another package: {package} must not know {named.module}"


def _is_in(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def _named_modules(tree: ast.AST, packages: dict[str, Path]) -> Iterator[_Named]:
    forced = set(_forced(tree))
    documentation = set(_docstrings(tree))
    f_strings = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    skipped = documentation | {id(part) for node in f_strings for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield from _named_by_f_string(node, packages)
        elif isinstance(node, ast.Constant) and id(node) not in skipped:
            yield from _named_by_constant(node, packages, is_import=id(node) in forced)


def _named_by_constant(
    node: ast.Constant, packages: dict[str, Path], *, is_import: bool
) -> Iterator[_Named]:
    text = node.value
    if not isinstance(text, str):
        return
    match = _MODULE.fullmatch(text)
    if match is None or not _exists(match["module"], packages):
        return
    is_target = match["target"] is not None
    if is_import or is_target or "." in text:  # a bare word may mean anything
        yield _Named(text, node.lineno, match["module"], is_lazy=is_target or is_import)


def _named_by_f_string(node: ast.JoinedStr, packages: dict[str, Path]) -> Iterator[_Named]:
    first = node.values[0] if node.values else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        package, dot, _ = first.value.partition(".")
        if dot and package in packages and first.value.endswith("."):
            yield _Named(ast.unparse(node), node.lineno, package, is_lazy=True)


def _exists(module: str, packages: dict[str, Path]) -> bool:
    package, *names = module.split(".")
    if package not in packages:
        return False
    path = packages[package].joinpath(*names)
    return path.is_dir() or path.with_suffix(".py").is_file()


def _forced(tree: ast.AST) -> Iterator[int]:
    """Constants that are imports, whatever they look like: arguments of importers, and of `-m`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name_of(node.func) in IMPORTERS:
            yield from (id(argument) for argument in node.args)
        elements = node.args if isinstance(node, ast.Call) else getattr(node, "elts", [])
        for before, after in pairwise(elements):
            is_module = isinstance(before, ast.Constant) and before.value == "-m"
            if is_module and not _is_own_start(after):
                yield id(after)


def _is_own_start(node: ast.expr) -> bool:
    """Whether `-m` starts a submodule: a package may start its own as a process."""
    return isinstance(node, ast.Constant) and "." in str(node.value)


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _docstrings(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


if __name__ == "__main__":
    sys.exit(main())
