"""Draw docs/architecture.svg and write tables of docs/architecture.md, from the import contracts.

`python -m nox -s pictures` calls it; a test says when its output is stale.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
CORE: Final = Path("packages/taskiq-core/src/taskiq_core")
PICTURE: Final = Path("docs/architecture.svg")
PAGE: Final = Path("docs/architecture.md")

STYLE: Final = """
  text { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 }
  .name { font-size: 14px; font-weight: 600 }
  .note { font-size: 12px; fill: #59636e }
  .page { fill: #ffffff }
  .facade { fill: #ddf4ff; stroke: #218bff }
  .plugin { fill: #dafbe1; stroke: #2da44e }
  .core { fill: #fff8c5; stroke: #bf8700 }
  .arrow { stroke: #59636e; stroke-width: 1.5; fill: none }
  .head { fill: #59636e }
"""
DARK: Final = """
  text { fill: #f0f6fc }
  .note { fill: #b1bac4 }
  .page { fill: #0d1117 }
  .facade { fill: #0c2d6b; stroke: #58a6ff }
  .plugin { fill: #033a16; stroke: #3fb950 }
  .core { fill: #4b2900; stroke: #d29922 }
  .arrow { stroke: #b1bac4 }
  .head { fill: #b1bac4 }
"""

Layer = tuple[str, ...]
"""Names that stand beside each other: they don't import one another."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with a name, and perhaps a line about it.

    Attributes:
        kind: its class in the style sheet.
        x: left edge, in pixels, as the others.
    """

    kind: str
    name: str
    x: float
    y: float
    width: float
    height: float
    note: str = ""

    def svg(self) -> str:
        """The elements that draw it."""
        middle = self.x + self.width / 2
        text_y = self.y + self.height / 2 + 5 - (9 if self.note else 0)
        shape = f'x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" height="{self.height:g}"'
        lines = [
            f'<rect class="{self.kind}" {shape} rx="5"/>',
            _text("name", middle, text_y, self.name),
        ]
        if self.note:
            lines.append(_text("note", middle, text_y + 18, self.note))
        return "\n".join(lines)


# --- what is drawn --------------------------------------------------------------------------------


def layers_of(contract: str, *, root: Path = ROOT) -> list[Layer]:
    """The layers of an import contract, by its id; the first imports what follows."""
    settings = _toml(root / "pyproject.toml")["tool"]["importlinter"]
    layers = next(each["layers"] for each in settings["contracts"] if each["id"] == contract)
    return [tuple(name.strip() for name in layer.split("|")) for layer in layers]


def picture(root: Path = ROOT) -> str:
    """The picture as SVG: the packages on the left, the layers of taskiq-core on the right."""
    packages = layers_of("one-way", root=root)
    core = layers_of("layers-of-core", root=root)
    right = list(_core_boxes(core, root=root, x=470, y=70, width=700))
    bottom = right[-1].y + right[-1].height
    left = list(_package_boxes(packages, x=30, y=70, width=380, bottom=bottom))
    height = bottom + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 {height:g}" role="img">',
        "<title>The packages of taskiq, and the layers of taskiq-core</title>",
        f"<style>{STYLE}@media (prefers-color-scheme: dark) {{{DARK}}}\n</style>",
        f'<rect class="page" width="1200" height="{height:g}"/>',
        _text("title", 220, 42, "Packages"),
        _text("title", 820, 42, "Inside taskiq-core"),
        *(box.svg() for box in left),
        *_arrows(packages, left),
        *(box.svg() for box in right),
        _text("note", 600, height - 22, "A box imports only boxes that stand below it."),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _core_boxes(
    layers: Sequence[Layer], *, root: Path, x: float, y: float, width: float
) -> Iterator[Box]:
    height, gap = 44.0, 6.0
    for layer in layers:
        share = (width - gap * (len(layer) - 1)) / len(layer)
        for place, name in enumerate(layer):
            source = _source(root / CORE, name)
            note = summary(source).replace("`", "") if len(layer) == 1 else ""
            label = f"{name}/" if source.name == "__init__.py" else name
            yield Box("core", label, x + place * (share + gap), y, share, height, note)
        y += height + gap


def _package_boxes(
    layers: Sequence[Layer], *, x: float, y: float, width: float, bottom: float
) -> Iterator[Box]:
    """Packages from top to bottom, plugins in two columns."""
    columns, gap, between = 2, 6.0, 34.0
    rows = sum(-(-len(layer) // columns) for layer in layers)
    gaps = gap * (rows - len(layers)) + between * (len(layers) - 1)
    height = (bottom - y - gaps) / rows
    for number, layer in enumerate(layers):
        kind = "facade" if number == 0 else "core" if number == len(layers) - 1 else "plugin"
        share = width if len(layer) == 1 else (width - gap) / columns
        for place, name in enumerate(layer):
            row, column = divmod(place, columns)
            label = name.replace("_", "-")
            yield Box(
                kind, label, x + column * (share + gap), y + row * (height + gap), share, height
            )
        y += -(-len(layer) // columns) * (height + gap) - gap + between


def _arrows(layers: Sequence[Layer], boxes: Sequence[Box]) -> Iterator[str]:
    done = 0
    for layer in layers[:-1]:
        done += len(layer)
        above, below = max(box.y + box.height for box in boxes[:done]), boxes[done].y
        x = boxes[0].x + boxes[0].width / 2
        yield f'<path class="arrow" d="M{x:g} {above + 4:g} V{below - 10:g}"/>'
        yield f'<path class="head" d="M{x - 5:g} {below - 11:g} h10 l-5 8 z"/>'


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="middle">{escape(text)}</text>'


# --- what is written ------------------------------------------------------------------------------


def tables(root: Path = ROOT) -> dict[str, str]:
    """The tables of the page, by the name in the comment that stands before each."""
    return {"packages": _package_table(root), "layers": _layer_table(root)}


def page_with(tables: dict[str, str], page: str) -> str:
    """A page with its tables replaced.

    Raises:
        ValueError: the page has no comments for one of them.
    """
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, is_there, rest = page.partition(begin)
        _, is_closed, after = rest.partition(end)
        if not is_there or not is_closed:
            raise ValueError(f"{PAGE} has no comments {begin.strip()} and {end}")
        page = before + begin + table + end + after
    return page


def _package_table(root: Path) -> str:
    rows = [
        (f"[`{name}`](../packages/{name})", _project(root, name)["description"])
        for layer in layers_of("one-way", root=root)
        for name in (module.replace("_", "-") for module in layer)
    ]
    return _table(("package", "what it is"), rows)


def _layer_table(root: Path) -> str:
    rows = []
    for layer in layers_of("layers-of-core", root=root):
        for name in layer:
            source = _source(root / CORE, name)
            modules = " ".join(f"`{path.stem}`" for path in _modules(source))
            label = f"`{name}/`" if modules else f"`{name}`"
            rows.append((label, f"{summary(source)} {modules}".strip()))
    return _table(("module", "what it is, and what a folder holds"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def summary(source: Path) -> str:
    """The first line of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def _source(folder: Path, name: str) -> Path:
    package = folder / name / "__init__.py"
    return package if package.exists() else folder / f"{name}.py"


def _modules(source: Path) -> list[Path]:
    """The modules of a folder; nothing for a module that is a file."""
    if source.name != "__init__.py":
        return []
    return sorted(path for path in source.parent.glob("*.py") if path != source)


def _project(root: Path, package: str) -> dict[str, Any]:
    project: dict[str, Any] = _toml(root / "packages" / package / "pyproject.toml")["project"]
    return project


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def main() -> int:
    """Write the picture and the page."""
    (ROOT / PICTURE).write_text(picture(), encoding="utf-8")
    page = ROOT / PAGE
    page.write_text(page_with(tables(), page.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"Wrote {PICTURE} and the tables of {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
