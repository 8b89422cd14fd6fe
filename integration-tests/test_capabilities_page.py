"""The page on plugins lists every capability, with the promise that its docstring makes."""

import ast
import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest

from taskiq_core import capabilities
from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import DuplicateKeyError
from taskiq_core.messages import labels
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.queue_stats import QueueStats

PAGE = (Path(__file__).parents[1] / "docs/plugins.md").read_text()
TABLE = PAGE.split("What you can declare:\n\n")[1].split("\n\n")[0]
ROWS = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", TABLE, re.MULTILINE)
KNOWN = {
    *dir(AsyncBroker),
    *(value for value in vars(labels).values() if isinstance(value, str)),
    *(f"Delivery.{name}" for name in dir(Delivery)),
    DuplicateKeyError.__name__,
    QueueStats.__name__,
    "wait",
    "queue=",
}


def promises() -> dict[str, str]:
    """The docstrings of the enumeration's members."""
    tree = ast.parse(inspect.getsource(capabilities))
    (members,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    found: dict[str, str] = {}
    for member, text in pairwise(members):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr):
            found[ast.literal_eval(member.value)] = " ".join(ast.literal_eval(text.value).split())
    return found


def test_every_capability_is_listed_with_its_promise() -> None:
    assert {name: promise for name, promise, _ in ROWS} == promises()
    assert list(promises()) == [each.value for each in Capability]


@pytest.mark.parametrize(("name", "asks"), [(name, asks) for name, _, asks in ROWS])
def test_what_it_asks_for_exists(name: str, asks: str) -> None:
    assert Capability(name)
    assert set(re.findall(r"`([^`]+)`", asks)) <= KNOWN
