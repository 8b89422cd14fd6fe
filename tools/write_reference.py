"""Write docs/reference/: the tables that are made from the code.

`python -m nox -s reference` calls it, with every package installed; a test says when its output is
stale.
"""

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from taskiq_cli.group import cli
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import TaskiqError
from taskiq_core.messages.known_labels import KNOWN_LABELS
from taskiq_core.messages.labels import NEEDED_CAPABILITY

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "reference"
GENERATED: Final = "<!-- made by `python3 -m nox -s reference` -->\n"


def main() -> int:
    """Write all pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
    return 0


def pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    texts = {
        "labels.md": labels_page(),
        "command-line.md": command_line_page(),
        "errors.md": errors_page(),
        "capabilities.md": capabilities_page(),
    }
    return {name: f"{GENERATED}\n{text}" for name, text in texts.items()}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(_cell(each) for each in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# -- labels -------------------------------------------------------------------------------------


def labels_page() -> str:
    """Return the page of labels."""
    rows = [
        (
            f"`{label.name}`",
            label.meaning,
            label.expected,
            _needed(label.name),
            ", ".join(f"`{alias}`" for alias in label.aliases),
        )
        for label in KNOWN_LABELS
    ]
    headings = ("label", "meaning", "value", "needs of the broker", "elsewhere called")
    return (
        "# Labels\n\n"
        "Keywords of `@broker.task` and of `kicker().with_labels`. Any other label travels with\n"
        "the task and means what your middlewares make of it; one that looks like these gets a\n"
        "warning.\n\n"
        + table(headings, rows)
        + "\n`strict=True` and `validate_on_send=True` are options of `@broker.task`, not labels:\n"
        "they refuse arguments that don't fit their annotations, in workers and in `kiq`.\n"
    )


def _needed(label: str) -> str:
    capability = NEEDED_CAPABILITY.get(label)
    return "" if capability is None else f"[`{capability.value}`](capabilities.md)"


# -- command line ---------------------------------------------------------------------------------


def command_line_page() -> str:
    """Return the page of the `taskiq` command."""
    head = (
        "# Command line\n\n"
        "What `taskiq --help` says, for every command of the packages of this manual. Exit\n"
        "statuses and variables are in [taskiq-cli](../../packages/taskiq-cli/README.md).\n"
    )
    return head + "".join(_command_text(click.Context(cli, info_name="taskiq"), cli))


def _command_text(context: click.Context, command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _command_text(click.Context(child, context, info_name=name), child)
        if command.callback is None or context.parent is None:
            return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"\n## {context.command_path}\n\n```\n{context.command_path} {usage}\n```\n"
    yield f"\n{inspect.cleandoc(command.help or '')}\n".replace("\b\n", "")
    options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    if options:
        yield "\n" + table(("option", "meaning"), (_option_row(each, context) for each in options))


def _option_row(option: click.Option, context: click.Context) -> tuple[str, str]:
    record = option.get_help_record(context)
    if record is None:
        return f"`{option.opts[0]}`", ""
    return f"`{record[0]}`", record[1].replace("<", "&lt;")


# -- errors ---------------------------------------------------------------------------------------


def errors_page() -> str:
    """Return the page of exceptions."""
    head = (
        "# Errors\n\n"
        "Every exception of taskiq inherits `TaskiqError`. Its facts are attributes: a handler\n"
        "reads `error.task_id`, not the text.\n"
    )
    return head + "".join(_error_text(each) for each in error_classes())


def error_classes() -> list[type[TaskiqError]]:
    """Return the public exceptions of all packages, by name."""
    for module in _modules():
        importlib.import_module(module)
    found: set[type[TaskiqError]] = set()
    waiting: list[type[TaskiqError]] = [TaskiqError]
    while waiting:
        error = waiting.pop()
        found.add(error)
        waiting += [each for each in error.__subclasses__() if each not in found]
    own = tuple(f"{each}." for each in _package_modules())
    ours = [each for each in found if each.__module__.startswith(own)]
    return sorted(
        (each for each in ours if not each.__name__.startswith("_")),
        key=lambda each: (each.__name__, each.__module__),
    )


def _package_modules() -> list[str]:
    files = sorted(ROOT.glob("packages/*/pyproject.toml"))
    return [file.parent.name.replace("-", "_") for file in files]


def _modules() -> Iterator[str]:
    for package in _package_modules():
        front = importlib.import_module(package)
        names = [each.name for each in pkgutil.iter_modules(front.__path__, f"{package}.")]
        yield from (each for each in names if each.endswith((".errors", ".exceptions")))


def _error_text(error: type[TaskiqError]) -> str:
    bases = ", ".join(f"`{each.__name__}`" for each in error.__bases__)
    text = f"\n## {error.__name__}\n\n`{error.__module__}`, inherits {bases}.\n\n"
    text += f"{inspect.getdoc(error)}\n"
    template = vars(error).get("__template__")
    if template and template != "{reason}":
        text += f"\n> {template}\n"
    return text.replace("*", "\\*")


# -- capabilities ---------------------------------------------------------------------------------


def capabilities_page() -> str:
    """Return the matrix of what brokers are proven to do."""
    suites = sorted(_broker_suites(), key=lambda each: each["class"])
    names = [each.value for each in Capability]
    rows = [
        (f"`{name}`", *(_mark(suite["capabilities"].get(name)) for suite in suites))
        for name in names
    ]
    titles = [f"`{suite['class'].partition(':')[2]}`" for suite in suites]
    return (
        "# Capabilities\n\n"
        "What each broker is proven to do, by\n"
        "[the contract tests](../../packages/taskiq-testkit/README.md).\n"
        "[Writing a plugin](../plugins.md) says what each capability promises.\n"
        "`taskiq plugins --capabilities` prints the same for what is installed.\n\n"
        + table(("capability", *titles), rows)
    )


def _broker_suites() -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for file in sorted(ROOT.glob("packages/*/src/*/taskiq-matrix.json")):
        for suite in json.loads(file.read_text())["suites"]:
            if suite["kind"] == "broker" and suite["class"] not in seen:
                seen.add(suite["class"])
                yield suite


def _mark(proof: dict[str, Any] | None) -> str:
    if proof is None:
        return ""
    return "yes" if proof["status"] == "proven" else "-"


if __name__ == "__main__":
    sys.exit(main())
