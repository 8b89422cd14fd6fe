"""The counts of hostile input in the guarantees are written by the command that tries it."""

import json
from pathlib import Path

from taskiq_testservers.commands import ROOT
from taskiq_testservers.hostile.page import BEGIN, END, write
from taskiq_testservers.hostile.scale import counts


def test_counts_of_one_trial_are_added_up_and_replace_the_table(tmp_path: Path) -> None:
    noted, page = tmp_path / "counts", tmp_path / "page.md"
    lines = [
        {"trial": "messages", "tried": 10_000, "read": 3, "refused": 9_997},
        {"trial": "signals", "tried": 70},
        {"trial": "signals", "tried": 5},
    ]
    noted.write_text("".join(json.dumps(line) + "\n" for line in lines))
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    write(page, counts(noted))

    text = page.read_text()
    assert "| messages | 10,000 | 9,997 refused, 3 could be read |" in text
    assert "| signals | 75 | all tasks were run |" in text
    assert "old" not in text
    assert (text.startswith("before\n"), text.endswith("\nafter\n")) == (True, True)


def test_page_has_the_place_for_the_table() -> None:
    text = (ROOT / "docs/guarantees.md").read_text()

    assert text.count(BEGIN) == text.count(END) == 1
    assert "| messages | 10,000 |" in text
