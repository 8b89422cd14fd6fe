"""Whether git ignores a file, by the .gitignore files of its folder and of those above it."""

from pathlib import Path

from pathspec import GitIgnoreSpec


class GitIgnore:
    """The .gitignore files of the folders that are watched, read when they are first needed."""

    def __init__(self) -> None:
        self._specs: dict[Path, GitIgnoreSpec | None] = {}

    def ignores(self, path: Path) -> bool:
        """Whether git ignores a file, or a folder that it is in."""
        for folder in path.parents:
            spec = self._spec(folder)
            if spec is not None and _matches(spec, path.relative_to(folder)):
                return True
            if (folder / ".git").exists():
                break  # what is above is another repository's, or nobody's
        return False

    def forget(self, folder: Path) -> None:
        """Read the file of a folder again: it has changed."""
        self._specs.pop(folder, None)

    def _spec(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            file = folder / ".gitignore"
            lines = file.read_text("utf-8", "replace").splitlines() if file.is_file() else []
            self._specs[folder] = GitIgnoreSpec.from_lines(lines) if lines else None
        return self._specs[folder]


def _matches(spec: GitIgnoreSpec, path: Path) -> bool:
    return spec.match_file(path.as_posix())
