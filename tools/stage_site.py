"""Gather the pages of the manual in one folder, for the site generator.

A page is written where its readers look for it: under docs/, or as the README of a package. In the
folder the pages are beside each other, with links that lead from one to the other. What is not a
page of the site, such as a source file, stays as the text of its link.

`python -m nox -s docs` calls it.
"""

import ast
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
SITE: Final = ROOT / ".site"
SETTINGS: Final = ROOT / "docs" / "site.toml"
FACADE: Final = "taskiq"
FILES: Final = frozenset({".svg", ".png", ".webp", ".js"})

_CODE: Final = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(!?)\[([^\[\]]*)\]\(([^()\s]+)\)")


class BrokenLinkError(Exception):
    """A page links to a file that does not exist."""


def main() -> int:
    """Write the folder anew, and print what is missing from the navigation."""
    folder = SITE / "pages"
    shutil.rmtree(SITE, ignore_errors=True)
    try:
        texts = site_pages(ROOT)
    except BrokenLinkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    settings = with_sections(SETTINGS.read_text(), texts)
    for page, text in texts.items():
        file = folder / page
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for file in (ROOT / "docs").rglob("*"):
        if file.suffix in FILES:
            copy = folder / file.relative_to(ROOT / "docs")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    (SITE / "zensical.toml").write_text(settings)
    listed = {*listed_pages(tomllib.loads(settings)["project"]["nav"])}
    unlisted = {*texts} - listed
    for page in sorted(unlisted):
        sys.stderr.write(f"{page} is not in the navigation of docs/site.toml\n")
    return 1 if unlisted else 0


def site_pages(root: Path) -> dict[str, str]:
    """Return the text of each page by its path on the site.

    Raises:
        BrokenLinkError: a page links to a file that does not exist.
    """
    homes = page_homes(root)
    texts = {page: with_links(root, source, homes) for source, page in homes.items()}
    for package in packages(root):
        if package == FACADE:
            continue  # its names are those of the others
        texts[f"reference/api/{package.replace('-', '_')}.md"] = api_page(root, package)
    return texts


def page_homes(root: Path) -> dict[str, str]:
    """Return the path on the site for each Markdown file that is a page of it."""
    docs = sorted((root / "docs").rglob("*.md"))
    homes = {str(file.relative_to(root)): str(file.relative_to(root / "docs")) for file in docs}
    for package in packages(root):
        homes[f"packages/{package}/README.md"] = f"packages/{package}.md"
        homes[f"packages/{package}/CHANGELOG.md"] = f"changes/{package}.md"
    homes["CONTRIBUTING.md"] = "contributing.md"
    return homes


def packages(root: Path) -> list[str]:
    """Return the names of the packages."""
    return sorted(file.parent.name for file in root.glob("packages/*/pyproject.toml"))


def with_links(root: Path, source: str, homes: Mapping[str, str]) -> str:
    """Return the text of a page, with links between places on the site.

    Args:
        root: the folder of the repository.
        source: the Markdown file, relative to it.
        homes: what `page_homes` returns.

    Raises:
        BrokenLinkError: the page links to a file that does not exist.
    """
    parts = _CODE.split((root / source).read_text())
    folder = os.path.dirname(homes[source])  # noqa: PTH120  # a path on the site

    def replace(match: re.Match[str]) -> str:
        mark, text, target = match.groups()
        path, anchor, name = target.partition("#")
        if not path or "://" in target or target.startswith("mailto:"):
            return match[0]
        wanted = os.path.normpath(Path(source).parent / path)
        if not (root / wanted).exists():
            raise BrokenLinkError(f"{source}: there is no {wanted}")
        home = _home_of(root, wanted, homes)
        if home is None:
            return text
        return f"{mark}[{text}]({os.path.relpath(home, folder or '.')}{anchor}{name})"

    # Every second part is code, which has no links.
    return "".join(
        part if number % 2 else _LINK.sub(replace, part) for number, part in enumerate(parts)
    )


def _home_of(root: Path, wanted: str, homes: Mapping[str, str]) -> str | None:
    if Path(wanted).suffix in FILES and wanted.startswith("docs/"):
        return wanted.removeprefix("docs/")
    if wanted == "README.md":
        return "index.md"
    if (root / wanted).is_dir():
        return homes.get(f"{wanted}/README.md")
    return homes.get(wanted)


def api_page(root: Path, package: str) -> str:
    """Return the page of a package's public names, in the form of mkdocstrings."""
    module = package.replace("-", "_")
    front = root / "packages" / package / "src" / module / "__init__.py"
    objects = [f"::: {home}\n" for home in public_objects(front.read_text(), module)]
    head = f"# {module}\n\n[About {package}](../../packages/{package}.md)\n\n"
    return head + "\n".join(objects)


def public_objects(front: str, module: str) -> Iterator[str]:
    """Yield the dotted paths of a package's public names, where they are defined.

    Args:
        front: the source of its `__init__.py`, which imports its names for type checkers.
        module: its name; names that other packages define have their page there.
    """
    for node in ast.walk(ast.parse(front)):
        if not isinstance(node, ast.ImportFrom) or node.module is None or node.level:
            continue
        if node.module.startswith(f"{module}."):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def with_sections(settings: str, pages: Iterable[str]) -> str:
    """Return the settings with lists of pages in the place of "@folder"."""

    def listed(match: re.Match[str]) -> str:
        inside = sorted(page for page in pages if page.startswith(f"{match[1]}/"))
        return json.dumps([{Path(page).stem: page} for page in inside]).replace('": ', '" = ')

    return re.sub(r'"@([\w/]+)"', listed, settings)


def listed_pages(nav: list[Any]) -> Iterator[str]:
    """Yield the pages of a navigation, which is a list of tables and paths."""
    for entry in nav:
        for target in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(target, list):
                yield from listed_pages(target)
            else:
                yield target


if __name__ == "__main__":
    raise SystemExit(main())
