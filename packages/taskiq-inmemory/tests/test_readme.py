"""The README tells the truth."""

import inspect
import re
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

from taskiq_inmemory import InMemoryBroker
from taskiq_inmemory.plugin import taskiq_register_brokers

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_program_runs_and_prints_its_result(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    # The façade is not among this package's dependencies.
    program = program.replace("from taskiq import", "from taskiq_inmemory import")
    (tmp_path / "program.py").write_text(program)

    finished = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (finished.stdout, finished.stderr, finished.returncode) == ("3\n", "", 0)


def test_table_lists_every_option_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.+?) \|$", README, re.MULTILINE)
    parameters = inspect.signature(InMemoryBroker).parameters

    assert [name for name, _ in rows] == list(parameters)
    for name, default in rows:
        value = parameters[name].default
        if value is not None:  # of None, the table says what it means
            assert float(literal_eval(default.strip("`"))) == float(value), name


@pytest.mark.parametrize("url", re.findall(r'"(\w+://[^"]*)"', README))
def test_urls_are_those_of_the_plugin(url: str) -> None:
    (spec,) = taskiq_register_brokers()

    assert url.partition(":")[0] in spec.schemes
    assert isinstance(InMemoryBroker.from_url(url), InMemoryBroker)
