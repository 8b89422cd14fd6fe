"""Check names and prose against the words of the project: `python tools/check_words.py --help`.

Names are those of modules, classes, functions, arguments and variables. Prose is what stands in
docstrings, comments, messages (strings of several words) and Markdown, without quoted code.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from findings import Finding

ROOT: Final = Path(__file__).resolve().parent.parent

NOT_OURS: Final = frozenset({"build", "dist", "node_modules", "third_party"})
"""Folders that are not read; nor are hidden ones."""

ALLOWED: Final[Mapping[str, Collection[str]]] = {
    # They name the words that they are about.
    "tools/check_words.py": {"*"},
    "tools/tests/test_check_words.py": {"*"},
    # Programs import them by these names.
    "packages/taskiq/src/taskiq/cli/utils.py": {"utils"},
    "packages/taskiq/src/taskiq/utils.py": {"utils"},
}
"""Findings that stay, by the file's path: the words, or `*` for all."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern that prose does not match.

    Attributes:
        pattern: what is not written; its match is the word that is reported.
        instead: what to write.
        only_docstrings: whether it concerns docstrings alone.
    """

    pattern: re.Pattern[str]
    instead: str
    only_docstrings: bool = False


@dataclass(frozen=True, slots=True)
class Prose:
    """A piece of text, and the line that it begins in.

    Sentences below attributes count as docstrings.
    """

    text: str
    line: int
    is_docstring: bool = False


# --- what is not written --------------------------------------------------------------------------


def _rule(pattern: str, instead: str, *, only_docstrings: bool = False) -> Rule:
    # Prose is wrapped, so a space between words is any white space.
    compiled = re.compile(re.sub(r"(?<!\[) ", r"\\s+", pattern), re.IGNORECASE)
    return Rule(compiled, instead, only_docstrings)


RULES: Final = (
    _rule(r"\bwho(so)?ever\b", "name the reader: the caller, an operator, another worker"),
    _rule(r"\bsomebody\b", "name the subject: the caller, an operator, another worker"),
    _rule(r"\bnone of\b", "say that the things do not: 'no ...', 'not ...', 'without ...'"),
    _rule(r"\bby now\b", "'already', 'now', or leave it out"),
    _rule(r"\btold\b", "'notified', 'configured', 'given', 'distinguished'"),
    _rule(r"\bwhat there (is|are|was|were)\b", "name the things"),
    _rule(r"\bthose (that|which|who)\b", "name the things: 'the messages that ...'"),
    _rule(
        r"(?<!there[ \n])\b(is|are|was|were|be) (?-i:no|none)\b"
        r"(?! (longer|more|less|later|earlier|sooner|better|worse|fewer|slower|faster|matter)\b)",
        "negate the verb: 'is not a ...'",
    ),
    _rule(r"\b(house|houses|in-house)\b", "'project' or 'packages of this repository'"),
    _rule(r"\brooms?\b", "'slots', 'space', 'package', 'module'"),
    _rule(r"\b(undertaker|switchboard|ringers?|bells?)\b", "the field's term; see the names below"),
    _rule(r"\bAn? ladder\b", "'stages'"),
    _rule(
        r"\AThe same\b",
        "begin with a verb or a noun: 'Deprecated alias of ...'",
        only_docstrings=True,
    ),
    _rule(
        r"\A[^.]*; (how (many|much|long|often)|returns?|says?|whether|the number of|those|what)\b",
        "a `Returns:` section",
        only_docstrings=True,
    ),
)

NICKNAMES: Final = {
    "bell": "wakeup",
    "companion": "embedded scheduler",
    "ladder": "stages",
    "reception": "record handler",
    "ring": "notify",
    "ringer": "notifier",
    "switchboard": "router socket",
    "undertaker": "expire_queued",
    "wishes": "options",
}
"""Parts of names: `DoorBell` and `door_bell` both have the part `bell`."""

CLASS_NAMES: Final = {
    "Hold": "LeaseToken",
    "Known": "what is known, in the field's term",
    "Ladder": "shutdown_stages",
    "Line": "PipelinedConnection",
    "Offers": "what is registered, in the field's term",
}

MODULE_NAMES: Final = {
    "common": "say what is inside",
    "helpers": "say what is inside",
    "keeping": "result_rows or maintenance",
    "known": "say what is known",
    "legacy": "compat",
    "moments": "compat",
    "offers": "say what is registered",
    "older": "compat",
    "places": "say of what",
    "proofs": "say of what",
    "utils": "say what is inside",
    "words": "describe",
}

MOST_UNDOCUMENTED: Final = 2
"""Arguments that a public function may have without a section `Args:`."""

DOCUMENTED_ELSEWHERE: Final = re.compile(
    r"^(overload|override)$|\.(command|option|argument)\(|^pytest\.fixture\b"
)
"""Decorators of functions whose arguments are not documented: `help=` of the command line does."""

TESTS: Final = frozenset({"tests", "integration-tests"})
"""Folders of files whose strings and names of modules are not checked."""

PROGRAMS: Final = frozenset({"benchmarks", "examples"})
"""Folders of programs, whose functions nobody else calls."""

FIELD_TERMS: Final = frozenset({"loading", "logging", "string", "testing", "tracing", "typing"})
"""Words in -ing that are good names of modules."""


# --- reading files --------------------------------------------------------------------------------


def check_file(
    path: Path, *, root: Path = ROOT, classes: "ClassIndex | None" = None
) -> list[Finding]:
    """Check one Python or Markdown file.

    Args:
        path: the file.
        root: the tree that findings name the file from.
        classes: knows overrides, which need not document arguments again; by default, only those
            of this file.

    Returns:
        What was found and is not in `ALLOWED`, in the order of the lines.
    """
    name = path.relative_to(root).as_posix()
    allowed = ALLOWED.get(name, ())
    if "*" in allowed:
        return []
    text = path.read_text(encoding="utf-8")
    found: list[tuple[int, str, str]] = []
    if path.suffix == ".md":
        found += _check_prose([Prose(_without_fences(text), 1)])
    else:
        tree = ast.parse(text, filename=str(path))
        folders = set(path.relative_to(root).parts)
        is_test = not folders.isdisjoint(TESTS)
        found += _check_prose(_prose_of(tree, text, with_messages=not is_test))
        found += _check_names(tree)
        if not is_test:
            found += _check_module_name(path)
            if folders.isdisjoint(PROGRAMS):
                found += _check_arguments(tree, ClassIndex([tree]) if classes is None else classes)
    findings = [Finding(name, *rest) for rest in sorted(found)]
    return [finding for finding in findings if finding.text.lower() not in allowed]


def _without_fences(text: str) -> str:
    # As many lines as before, so that numbers stay right.
    return re.sub(
        r"^```.*?^```$",
        lambda code: "\n" * code[0].count("\n"),
        text,
        flags=re.DOTALL | re.MULTILINE,
    )


def _prose_of(tree: ast.Module, text: str, *, with_messages: bool) -> Iterator[Prose]:
    docstrings: set[ast.AST] = set()
    # A statement comes before its parts.
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(value)) as constant):
                docstrings.add(constant)
                yield Prose(value, node.lineno, is_docstring=True)
            case ast.Constant(value=str(value)) if " " in value and node not in docstrings:
                if with_messages:
                    yield Prose(value, node.lineno)
            case _:
                pass
    yield from _comments(text)


def _comments(text: str) -> Iterator[Prose]:
    """Comments; lines of one comment are joined."""
    lines: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if lines and line != last + 1:
            yield Prose("\n".join(lines), first)
            lines = []
        if not lines:
            first = line
        lines.append(token.string.lstrip("# "))
        last = line
    if lines:
        yield Prose("\n".join(lines), first)


def _check_prose(pieces: Iterable[Prose]) -> Iterator[tuple[int, str, str]]:
    for piece in pieces:
        # Quoted code keeps its length and lines, but none of its letters.
        text = re.sub(r"`[^`]*`", lambda code: re.sub(r"[^\n]", "_", code[0]), piece.text)
        for rule in RULES:
            if rule.only_docstrings and not piece.is_docstring:
                continue
            for match in rule.pattern.finditer(text):
                end = match.end() if rule.only_docstrings else match.start()
                word = match[0][-40:] if rule.only_docstrings else match[0]
                yield piece.line + text.count("\n", 0, end), " ".join(word.split()), rule.instead


# --- names ----------------------------------------------------------------------------------------


def _check_names(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        for name, line in _names_of(node):
            if isinstance(node, ast.ClassDef) and name in CLASS_NAMES:
                yield line, name, CLASS_NAMES[name]
            for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name):
                if part.lower() in NICKNAMES:
                    yield line, name, NICKNAMES[part.lower()]


def _names_of(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that a statement defines; names that it only uses are another's."""
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            yield node.name, node.lineno
        case ast.arg():
            yield node.arg, node.lineno
        case ast.Name(ctx=ast.Store()):
            yield node.id, node.lineno
        case ast.Attribute(ctx=ast.Store()):
            yield node.attr, node.lineno
        case _:
            pass


def _check_module_name(path: Path) -> Iterator[tuple[int, str, str]]:
    name = path.parent.name if path.name == "__init__.py" else path.stem
    if name in MODULE_NAMES:
        yield 1, name, f"name the module for what is inside: {MODULE_NAMES[name]}"
    elif name.endswith("_forms"):
        yield 1, name, "name the module for what is inside: compat"
    elif name.endswith("ing") and "_" not in name and name not in FIELD_TERMS:
        yield 1, name, "name the module by a noun, or by a verb of the field"


# --- documented arguments -------------------------------------------------------------------------


class ClassIndex:
    """Which methods the classes of a tree have, by the names of the classes.

    Args:
        trees: parsed files; classes of one name count as one.
    """

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        self._methods: dict[str, set[str]] = {}
        self._bases: dict[str, set[str]] = {}
        for tree in trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    methods = {method.name for method in _functions(node.body)}
                    self._methods.setdefault(node.name, set()).update(methods)
                    self._bases.setdefault(node.name, set()).update(_bases_of(node))

    def is_override(self, node: ast.ClassDef, method: str) -> bool:
        """Return whether a base class has a method of that name."""
        seen: set[str] = set()
        waiting = _bases_of(node)
        while waiting:
            base = waiting.pop()
            if method in self._methods.get(base, ()):
                return True
            seen.add(base)
            waiting |= self._bases.get(base, set()) - seen
        return False


def _bases_of(node: ast.ClassDef) -> set[str]:
    """Names of base classes, without their modules and type arguments."""
    texts = (ast.unparse(base) for base in node.bases)
    return {text.partition("[")[0].rpartition(".")[2] for text in texts}


def _check_arguments(tree: ast.Module, classes: ClassIndex) -> Iterator[tuple[int, str, str]]:
    for function in _functions(tree.body):
        yield from _check_function(function)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in _functions(node.body):
                if not classes.is_override(node, method.name):
                    yield from _check_function(method)


def _check_function(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[tuple[int, str, str]]:
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    if function.name.startswith("_") or any(map(DOCUMENTED_ELSEWHERE.search, decorators)):
        return
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    documented = [argument for argument in arguments if argument.arg not in {"self", "cls"}]
    docstring = ast.get_docstring(function) or ""
    # Some refer to the function that has the sentences.
    is_documented = "Args:" in docstring or re.search(r"\b(see|as)\s+`", docstring, re.IGNORECASE)
    if len(documented) > MOST_UNDOCUMENTED and not is_documented:
        yield function.lineno, function.name, f"{len(documented)} arguments need `Args:`"


def _functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


# --- the tree -------------------------------------------------------------------------------------


def files_of(folder: Path) -> Iterator[Path]:
    """Python and Markdown files of a folder, or the file itself."""
    if folder.is_file():
        yield folder
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in NOT_OURS:
            continue
        if path.is_dir():
            yield from files_of(path)
        elif path.suffix in {".py", ".md"}:
            yield path


def check_tree(root: Path, wanted: Callable[[str], bool]) -> Iterator[Finding]:
    """Check the files of a tree.

    Args:
        root: the tree.
        wanted: whether to check a file; gets its path from the root.
    """
    paths = list(files_of(root))
    classes = ClassIndex(
        ast.parse(path.read_text(encoding="utf-8")) for path in paths if path.suffix == ".py"
    )
    for path in paths:
        if wanted(path.relative_to(root).as_posix()):
            yield from check_file(path, root=root, classes=classes)


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of these folders and files, or inside one."""
    return any(not folder or path == folder or path.startswith(folder + "/") for folder in folders)


def main(arguments: list[str] | None = None) -> int:
    """Print what is found; the exit status is 1 if that is anything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="*", help="files and folders; the whole tree by default")
    options = parser.parse_args(arguments)
    folders = [_from_root(path) for path in options.paths] or [""]
    findings = list(check_tree(ROOT, lambda path: is_below(path, folders)))
    for finding in findings:
        print(finding)
    if findings:
        print(f"{len(findings)} words to change")
    return 1 if findings else 0


def _from_root(path: str) -> str:
    """A path as findings name it; the root itself is empty."""
    return Path(path).resolve().relative_to(ROOT).as_posix().removeprefix(".")


if __name__ == "__main__":
    sys.exit(main())
