"""Which changes of files are worth a restart."""

from pathlib import Path

from watchfiles import Change, DefaultFilter

from taskiq_cli.reload.gitignore import GitIgnore

SUFFIXES = (".py", ".pyi", ".pyx", ".toml", ".yaml", ".yml", ".json", ".env", ".ini", ".cfg")
"""Code and configuration; not data, logs or databases, which running tasks may write."""


class ReloadFilter(DefaultFilter):
    """Lets through changes of code and configuration that neither git nor watchfiles ignores.

    Args:
        use_gitignore: whether files that git ignores are left out.
    """

    def __init__(self, *, use_gitignore: bool) -> None:
        super().__init__()
        self._gitignore = GitIgnore() if use_gitignore else None

    def __call__(self, change: Change, path: str) -> bool:
        """Whether this change counts."""
        file = Path(path)
        if self._gitignore is not None and file.name == ".gitignore":
            self._gitignore.forget(file.parent)
        if file.suffix not in SUFFIXES and file.name != ".env":
            return False
        if not super().__call__(change, path):
            return False
        return self._gitignore is None or not self._gitignore.ignores(file)
