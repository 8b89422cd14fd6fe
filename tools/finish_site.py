"""Finish the built site: check its links, and add what works offline and what programs read.

Each link within the site has to lead to a file, and to an anchor in it; no page may fetch anything
from elsewhere. The Markdown of each page is put beside it, and `llms.txt` lists the pages.

`python -m nox -s docs` calls it.
"""

import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = ROOT / ".site" / "pages"
SITE: Final = ROOT / ".site" / "html"
SHIM: Final = "https://unpkg.com/iframe-worker/shim"
"""What the site generator has pages load, so that their search works from a file system."""
LOCAL_SHIM: Final = "assets/iframe-worker.js"


@dataclass
class Page(HTMLParser):
    """What a page links to, loads and can be linked by."""

    links: list[str] = field(default_factory=list[str])
    loads: list[str] = field(default_factory=list[str])
    anchors: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the links and anchors of a tag."""
        values = {name: value for name, value in attrs if value is not None}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and values.get("rel") == "stylesheet":
            self.loads.append(values.get("href", ""))
        if tag in {"script", "img"} and "src" in values:
            self.loads.append(values["src"])


def main() -> int:
    """Finish the site; print what is wrong."""
    for file in SITE.rglob("*.html"):
        depth = len(file.relative_to(SITE).parts) - 1
        file.write_text(file.read_text().replace(SHIM, "../" * depth + LOCAL_SHIM))
    pages = {file: read(file) for file in sorted(SITE.rglob("*.html"))}
    problems = [*problems_of(pages)]
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    write_twins()
    (SITE / "llms.txt").write_text(llms_text(ROOT))
    sys.stdout.write(f"{len(pages)} pages, {sum(len(p.links) for p in pages.values())} links\n")
    return 1 if problems else 0


def read(file: Path) -> Page:
    """Parse a page."""
    page = Page()
    page.feed(file.read_text())
    return page


def problems_of(pages: dict[Path, Page]) -> Iterator[str]:
    """Yield a line for each link that leads nowhere, and each thing that is loaded from afar."""
    for file, page in pages.items():
        if file.name == "404.html":
            continue
        for target in page.loads:
            if urlsplit(target).netloc:
                yield f"{file.name} loads {target} from elsewhere"
        for target in dict.fromkeys(page.links):
            if reason := _fault(file, target, pages):
                yield f"{file.relative_to(SITE)}: {target} {reason}"


def _fault(file: Path, target: str, pages: dict[Path, Page]) -> str:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return ""
    to = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    to = to / "index.html" if to.is_dir() else to
    if not to.exists():
        return "is not a page"
    if parts.fragment and to in pages and unquote(parts.fragment) not in pages[to].anchors:
        return "is not an anchor there"
    return ""


def write_twins() -> None:
    """Put the Markdown of each page beside it."""
    for source in PAGES.rglob("*.md"):
        twin = SITE / source.relative_to(PAGES)
        twin.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, twin)


def llms_text(root: Path) -> str:
    """Return the list of all pages for language models, in the form of llms.txt."""
    project = tomllib.loads((root / ".site" / "zensical.toml").read_text())["project"]
    head = f"# {project['site_name']}\n\n> {project['site_description']}\n"
    return head + "".join(_llms_lines(project["nav"], "## "))


def _llms_lines(nav: list[Any], heading: str) -> Iterator[str]:
    for entry in nav:
        ((title, target),) = entry.items()
        if isinstance(target, list):
            yield f"\n{heading}{title}\n\n"
            yield from _llms_lines(target, f"#{heading}")
        else:
            yield f"- [{title}]({target})\n"


if __name__ == "__main__":
    raise SystemExit(main())
