"""`taskiq plugins --capabilities` tells what a broker proved from what it declares."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.plugins import BrokerSpec, PluginInfo, PluginStatus
from taskiq_core.plugins.capability_matrix import MATRIX, Proof, proof_of, summary

SPEC = BrokerSpec(
    name="proof",
    factory="taskiq_proof:ProofBroker",
    capabilities=frozenset({Capability.ACK, Capability.LEASE}),
)


def row(*, declared: bool = True, status: str = "proven", depends: bool = False) -> dict[str, Any]:
    return {"declared": declared, "status": status, "depends": depends}


def proof() -> Proof:
    plugin = PluginInfo(
        name="proof", distribution="taskiq-proof", version="1.0", status=PluginStatus.OK
    )
    return proof_of(plugin, SPEC)


def matrix(version: str = "1.0", **rows: dict[str, Any]) -> str:
    suite = {
        "kind": "broker",
        "version": version,
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

    assert proof().proven == {"ack", "lease"}
    assert summary(SPEC, proof()) == "all"


def test_what_failed_or_did_not_run_is_named(package: Path) -> None:
    (package / MATRIX).write_text(matrix(ack=row(status="failed"), lease=row(status="unproven")))

    assert proof().proven == frozenset()
    assert summary(SPEC, proof()) == "all but ack, lease"


def test_a_matrix_of_another_version_proves_nothing(package: Path) -> None:
    (package / MATRIX).write_text(matrix("0.9", ack=row(), lease=row()))

    assert proof().proven is None
    assert summary(SPEC, proof()) == "not known: the matrix is of version 0.9"


def test_what_depends_on_a_server_is_said(package: Path) -> None:
    text = matrix(ack=row(), lease=row(), priority=row(depends=True))
    (package / MATRIX).write_text(text)

    assert summary(SPEC, proof()) == "all; depends: priority"


def test_a_matrix_of_other_capabilities_proves_nothing(package: Path) -> None:
    """It was made before the capability was declared."""
    (package / MATRIX).write_text(matrix(ack=row()))

    assert proof().proven is None


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"format": 2}', '{"format": 1}', "\x00"])
def test_a_file_that_is_no_matrix_harms_nobody(package: Path, text: str | None) -> None:
    if text is not None:
        (package / MATRIX).write_text(text)

    assert summary(SPEC, proof()) == "not known"
