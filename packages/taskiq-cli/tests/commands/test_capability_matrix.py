"""`taskiq plugins --capabilities` tells what a broker proved from what it declares."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from taskiq_cli.commands.capability_matrix import MATRIX, proven, summary
from taskiq_core.capabilities import Capability
from taskiq_core.plugins import BrokerSpec

SPEC = BrokerSpec(
    name="proof",
    factory="taskiq_proof:ProofBroker",
    capabilities=frozenset({Capability.ACK, Capability.LEASE}),
)


def row(*, declared: bool = True, status: str = "proven") -> dict[str, Any]:
    return {"declared": declared, "status": status}


def matrix(**rows: dict[str, Any]) -> str:
    suite = {
        "kind": "broker",
        "class": "taskiq_proof.broker:ProofBroker",
        "capabilities": {"contract": row(), **rows},
    }
    return json.dumps({"format": 1, "suites": [suite]})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "taskiq_proof"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "taskiq_proof", raising=False)
    return folder


def test_all_is_proven(package: Path) -> None:
    text = matrix(ack=row(), lease=row(), delay=row(declared=False, status="refused"))
    (package / MATRIX).write_text(text)

    assert proven(SPEC) == {"ack", "lease"}
    assert summary(SPEC) == "all"


def test_what_failed_or_did_not_run_is_named(package: Path) -> None:
    (package / MATRIX).write_text(matrix(ack=row(status="failed"), lease=row(status="unproven")))

    assert proven(SPEC) == frozenset()
    assert summary(SPEC) == "all but ack, lease"


def test_a_matrix_of_other_capabilities_proves_nothing(package: Path) -> None:
    """It was made before the capability was declared."""
    (package / MATRIX).write_text(matrix(ack=row()))

    assert proven(SPEC) is None


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"format": 2}', '{"format": 1}', "\x00"])
def test_a_file_that_is_no_matrix_harms_nobody(package: Path, text: str | None) -> None:
    if text is not None:
        (package / MATRIX).write_text(text)

    assert summary(SPEC) == "not known"
