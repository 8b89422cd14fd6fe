"""The modules that declare tasks: named ones, and ones that a pattern finds."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from taskiq_core.loading.errors import LoadError
from taskiq_core.loading.objects import load_module
from taskiq_core.loggers import get_logger
from taskiq_core.plugins.redaction import without_credentials

logger = get_logger(__name__)

DEFAULT_PATTERNS = ("**/tasks.py",)
"""Files that `--fs-discover` imports by default."""


def import_tasks(modules: list[str], pattern: str | Sequence[str], fs_discover: bool) -> None:
    """Import modules that declare tasks.

    Args:
        modules: as in an import statement.
        pattern: globs of files to import beside them, relative to the current folder. A file that
            can't import something is left out, with its traceback in the log.
        fs_discover: whether to look for such files.

    Raises:
        ModuleMissingError: there is no such module.
        ModuleRaisedError: a module raised.
    """
    import_from_modules(modules)
    if fs_discover:
        found = discover_modules([pattern] if isinstance(pattern, str) else pattern)
        for module in dict.fromkeys(found):
            _import_found(module)


def _import_found(module: str) -> None:
    try:
        import_from_modules([module])
    except LoadError as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        logger.error("The tasks of a file are left out: %s", error, exc_info=error.__cause__)  # noqa: TRY400  # the traceback is that of the cause


def import_from_modules(modules: list[str]) -> None:
    """Import modules that declare tasks, each once."""
    for module in dict.fromkeys(modules):
        logger.info("Importing tasks from module %s", without_credentials(module))
        load_module(module)


def discover_modules(patterns: Iterable[str], folder: Path | None = None) -> Iterator[str]:
    """The modules of files that match, without those in virtual environments and hidden folders.

    Args:
        patterns: globs, such as "**/tasks.py".
        folder: where to look; the current one by default.
    """
    root = Path.cwd() if folder is None else folder
    environments: dict[Path, bool] = {}
    for pattern in patterns:
        for file in sorted(root.glob(pattern)):
            path = file.relative_to(root)
            if file.is_file() and not _is_foreign(root, path, environments):
                yield _module_of(path)


def _module_of(path: Path) -> str:
    parts = path.with_suffix("").parts
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return ".".join(parts)


def _is_foreign(root: Path, path: Path, environments: dict[Path, bool]) -> bool:
    if any("." in part for part in path.with_suffix("").parts):
        return True  # hidden, or not importable
    return any(_is_environment(root / parent, environments) for parent in path.parents)


def _is_environment(folder: Path, known: dict[Path, bool]) -> bool:
    if folder not in known:
        known[folder] = (folder / "pyvenv.cfg").exists()
    return known[folder]
