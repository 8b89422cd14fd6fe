"""The README is true: its contract class runs, its tables list what the kit has."""

import inspect
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from taskiq_inmemory import InMemoryBroker
from taskiq_retry import SmartRetryMiddleware
from taskiq_testkit import (
    BrokerContract,
    ResultBackendContract,
    ScheduleSourceContract,
    VirtualClock,
)
from taskiq_testkit.contract import Contract
from taskiq_testkit.matrix import Status

README = (Path(__file__).parents[1] / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SOME = "test_sent_is_delivered or test_higher_priority_first or test_acknowledged_is_gone"


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As an author does, in a folder of their own."""
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = strict\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "test_contract.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_contract_class_runs(tmp_path: Path) -> None:
    (tmp_path / "test_contract.py").write_text(SNIPPETS[0])

    ran = run_pytest(tmp_path, "-k", SOME, "--taskiq-matrix=matrix.json")

    assert ran.returncode == 0, ran.stdout
    assert "TestSQLiteBroker: taskiq_sqlite.broker:SQLiteBroker (taskiq-sqlite" in ran.stdout
    matrix = json.loads((tmp_path / "matrix.json").read_text())
    priority = matrix["suites"][0]["capabilities"]["priority"]
    assert priority == {"declared": True, "status": "unproven", "passed": 1, "tests": 2}


def test_a_replaced_test_needs_a_reason(tmp_path: Path) -> None:
    broker = "\n\n    @pytest.fixture\n    def broker(self):\n        return InMemoryBroker()\n"
    imports = "import pytest\nfrom taskiq_inmemory import InMemoryBroker\n"
    explained = imports + SNIPPETS[1].rstrip() + broker
    (tmp_path / "test_contract.py").write_text(explained)
    with_reason = run_pytest(tmp_path, "-k", "test_delay_is_kept")
    (tmp_path / "test_contract.py").write_text(re.sub(r"    @departs\(.*?\)\n", "", explained))

    without = run_pytest(tmp_path, "-k", "test_delay_is_kept")

    assert with_reason.returncode == 0, with_reason.stdout
    assert without.returncode == 1
    assert "replaces the contract test test_delay_is_kept and does not say why" in without.stdout


def test_the_month_takes_a_second(tmp_path: Path) -> None:
    program, printed = SNIPPETS[-1], README.split("It prints `")[1].split("`")[0]

    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert ran.stdout == f"{printed}\n"


async def until_it_is_run(clock: VirtualClock, seen: list[datetime]) -> int:
    """A task that is delayed for an hour, and fails twice, each time to be retried in an hour."""
    retry = SmartRetryMiddleware(default_retry_count=3, use_jitter=False)
    broker = InMemoryBroker(wait_for_delays=True).with_middlewares(retry)

    @broker.task(retry_on_error=True)
    async def flaky() -> int:
        seen.append(clock.now())
        if len(seen) < 3:
            raise ValueError("not yet")
        return len(seen)

    task = await flaky.kicker().with_labels(delay=3600).kiq()
    result = await task.wait_result(timeout=1e6)
    await broker.shutdown()
    return result.raise_for_error().return_value


def test_delays_and_retries_take_no_time() -> None:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    seen: list[datetime] = []

    assert clock.run(until_it_is_run(clock, seen)) == 3

    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert [each - start for each in seen] == [timedelta(hours=hours) for hours in (1, 2, 3)]


def test_the_table_lists_every_status() -> None:
    assert set(re.findall(r"^\| (\w+) \| [^|]*\|$", README, re.MULTILINE)) - {
        "status",
        "module",
    } == {each.value for each in Status}


@pytest.mark.parametrize(
    "contract", [BrokerContract, ResultBackendContract, ScheduleSourceContract]
)
def test_the_tables_list_what_is_stated(contract: type[Contract]) -> None:
    heading = rf"\| of `{contract.__name__}` \| default \| \|\n\| --- \| --- \| --- \|\n(.*?)\n\n"
    table = re.search(heading, README, re.DOTALL)
    assert table is not None
    listed = set(re.findall(r"^\| `(\w+)` \|", table[1], re.MULTILINE))
    inner = {"kind", "pytestmark", "harness", "refuse", "contrast"}
    stated = {
        name
        for name, _ in inspect.getmembers(contract)
        if not name.startswith(("_", "test_")) and name not in inner
    }
    assert listed | ({"patience", "time_limit"} - listed) == stated


def test_the_table_lists_every_contract() -> None:
    table = README.split("## What it covers")[1]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ", table, re.MULTILINE)

    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    folder = Path(inspect.getfile(BrokerContract)).parent
    assert listed == {file.stem for file in folder.glob("*.py")} - {"__init__", "base", "broker"}
