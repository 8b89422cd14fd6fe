"""`python -m taskiq_testservers.hostile.page COUNTS PAGE`: write what was tried into a page."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from taskiq_testservers.hostile.scale import MEGABYTE, counts

BEGIN = "<!-- hostile input: written by `nox -s hostile` -->"
END = "<!-- end of hostile input -->"


def table(noted: Sequence[Mapping[str, Any]]) -> str:
    """What was tried, how often, and what came of it."""
    tried: dict[str, int] = defaultdict(int)
    facts: dict[str, Mapping[str, Any]] = {}
    for each in noted:
        tried[each["trial"]] += each["tried"]
        facts[each["trial"]] = each
    lines = ["| what was tried | how often | what came of it |", "| --- | --- | --- |"]
    lines += [f"| {name} | {tried[name]:,} | {_outcome(facts[name])} |" for name in sorted(tried)]
    return "\n".join(lines)


def write(page: Path, noted: Sequence[Mapping[str, Any]]) -> None:
    """Replace the table in a page."""
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{table(noted)}\n{END}{after}")


def _outcome(facts: Mapping[str, Any]) -> str:
    parts = [facts["outcome"]] if "outcome" in facts else []
    if "refused" in facts:
        parts.append(f"{facts['refused']:,} refused, {facts['read']:,} could be read")
    if "buried" in facts:
        parts.append(f"{facts['buried']:,} among the dead letters")
    if "memory" in facts:
        parts.append(f"a worker of {facts['memory'] // MEGABYTE} MB at most")
    return ", ".join(parts) or "all tasks were run"


if __name__ == "__main__":
    write(Path(sys.argv[2]), counts(Path(sys.argv[1])))
