"""The capability matrices in our packages say what the contract tests of today would."""

import json
from importlib import import_module, resources
from typing import Any

import pytest

from taskiq_core.plugins import BrokerSpec, load_plugins
from taskiq_testkit import BrokerContract
from taskiq_testkit.contract import tests_of as contract_tests_of

MATRIX = "taskiq-matrix.json"
BROKERS = {spec.name: spec for plugin in load_plugins().plugins for spec in plugin.provides.brokers}
OURS = ["aio-pika", "inmemory", "nats", "pgsql", "redis", "sqlite", "zmq"]


def suites_of(spec: BrokerSpec) -> list[dict[str, Any]]:
    package = spec.factory.partition(":")[0]
    matrix = json.loads(resources.files(package).joinpath(MATRIX).read_text())
    return [suite for suite in matrix["suites"] if suite["kind"] == "broker"]


@pytest.mark.parametrize("name", OURS)
def test_what_is_declared_is_proven(name: str) -> None:
    spec = BROKERS[name]
    declared = {each.value for each in spec.capabilities}
    suite = next(each for each in suites_of(spec) if declared == _declared(each))

    assert spec.factory.rpartition(":")[2] == suite["class"].rpartition(":")[2]
    assert suite["version"] == import_module(spec.factory.partition(":")[0]).__version__
    for capability, row in suite["capabilities"].items():
        assert row["status"] == ("proven" if row["declared"] else "refused"), capability


@pytest.mark.parametrize("name", OURS)
def test_the_matrix_is_as_new_as_the_contract(name: str) -> None:
    """If not: `pytest packages/NAME/tests/test_contract.py --taskiq-matrix=FILE` writes it anew."""
    tests = contract_tests_of(BrokerContract).values()

    for suite in suites_of(BROKERS[name]):
        assert set(suite["capabilities"]) == {test.proves for test in tests} - _never_run(suite)
        for capability, row in suite["capabilities"].items():
            of_it = [test for test in tests if test.proves == capability]
            for_all = [test for test in of_it if not test.needs]
            assert len(for_all) <= row["tests"] <= len(of_it)


def _never_run(suite: dict[str, Any]) -> set[str]:
    """Capabilities of which every test needs something that the broker does not state."""
    tests = contract_tests_of(BrokerContract).values()
    return {
        test.proves
        for test in tests
        if test.proves not in suite["capabilities"]
        and all(each.needs for each in tests if each.proves == test.proves)
    }


def _declared(suite: dict[str, Any]) -> set[str]:
    rows = suite["capabilities"]
    return {name for name, row in rows.items() if row["declared"]} - {"contract"}
