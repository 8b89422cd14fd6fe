"""Every program of the manual is a file under examples/, and prints what the manual says."""

import re
import sys
from pathlib import Path

import pytest

from taskiq_testservers.commands import ROOT, run

PAGES = sorted((ROOT / "docs").rglob("*.md"))
EXCERPTS = {"plugins.md", "architecture.md", "compatibility.md"}
"""Pages with parts of programs, which tests of their own compare."""
BLOCK = re.compile(r"(?:<!-- (prints )?(\S+) -->\n)?```(\w*)\n(.*?)```", re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, str, str]]:
    """Return the code of a page: whether it is an output, its file, its language and its text."""
    return BLOCK.findall(page.read_text())


def pages_with(language: str) -> list[Path]:
    return [
        page
        for page in PAGES
        if page.name not in EXCERPTS and any(each[2] == language for each in blocks(page))
    ]


OUTPUTS = [(path, text) for page in PAGES for prints, path, _, text in blocks(page) if prints]


@pytest.mark.parametrize("page", pages_with("python"), ids=lambda page: page.stem)
def test_programs_are_files(page: Path) -> None:
    """A block is a whole file, or lines of it that stand together."""
    for prints, path, language, text in blocks(page):
        if language != "python" or prints:
            continue
        assert path, f"a program without the comment that names its file: {text[:60]}"
        assert text in (ROOT / path).read_text(), f"{path} does not contain:\n{text}"


def test_programs_of_packages_that_name_a_file_are_that_file() -> None:
    for page in (ROOT / "packages").glob("*/README.md"):
        for _, path, _, text in blocks(page):
            assert not path or text == (ROOT / path).read_text(), f"{page}: {path}"


@pytest.mark.parametrize(("path", "printed"), OUTPUTS, ids=[path for path, _ in OUTPUTS])
def test_programs_print_what_the_manual_says(tmp_path: Path, path: str, printed: str) -> None:
    finished = run(sys.executable, ROOT / path, cwd=tmp_path)

    assert finished.stdout == printed, finished.stderr
