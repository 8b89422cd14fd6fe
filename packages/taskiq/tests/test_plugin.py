"""The install commands that errors quote name extras that exist, and what the packages have."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import taskiq
from taskiq.plugin import INSTALL_CURES
from taskiq_core.plugins import InstallCure, NotProvidedError, PluginRegistry, load_plugins
from taskiq_core.plugins.specs import schemes_of

PROJECT: dict[str, Any] = tomllib.loads(
    (Path(__file__).parent.parent / "pyproject.toml").read_text()
)["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
BY_DISTRIBUTION = {cure.distribution: cure for cure in INSTALL_CURES}


@pytest.fixture(scope="module")
def registry() -> PluginRegistry:
    return load_plugins(environ={})


def distributions_of(command: str) -> set[str]:
    """What a command of a cure installs, by what the façade declares."""
    match = re.fullmatch(r'pip install (?:taskiq|"taskiq\[([a-z-]+)\]")', command)
    assert match, command
    lines = [*PROJECT["dependencies"], *(EXTRAS[match[1]] if match[1] else ())]
    return {Requirement(line).name for line in lines}


@pytest.mark.parametrize("cure", INSTALL_CURES, ids=lambda cure: cure.distribution)
def test_cure_installs_its_distribution(cure: InstallCure) -> None:
    assert cure.distribution in distributions_of(cure.command)


@pytest.mark.parametrize("cure", INSTALL_CURES, ids=lambda cure: cure.distribution)
def test_words_of_a_cure_are_those_of_its_plugin(
    cure: InstallCure, registry: PluginRegistry
) -> None:
    plugins = registry.find(cure.distribution)
    if not plugins:  # an extra that is not installed here
        return
    specs = [spec for plugin in plugins for spec in plugin.provides.all()]
    schemes = {scheme for spec in specs for scheme in schemes_of(spec)}

    assert set(cure.words) == {*(plugin.name for plugin in plugins), *schemes}


def test_every_plugin_of_an_extra_has_a_cure() -> None:
    lines = [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
    plugins = {Requirement(line).name for line in lines} - {"taskiq", "taskiq-core"}

    assert set(BY_DISTRIBUTION) == plugins


def test_packages_that_a_missing_name_advises_are_extras() -> None:
    sources = Path(taskiq.__file__).parent.rglob("*.py")
    advised = {
        package
        for file in sources
        for package in re.findall(r'not_installed\(\s*"\w+",\s*"taskiq-([\w-]+)"', file.read_text())
    }

    assert advised
    assert advised <= set(EXTRAS)


def test_missing_plugin_is_cured_by_its_extra(registry: PluginRegistry) -> None:
    (facade,) = registry.find("taskiq")

    with pytest.raises(NotProvidedError, match=r'Install it: pip install "taskiq\[redis\]"$'):
        PluginRegistry((facade,)).broker_for_url("rediss://host")
    with pytest.raises(NotProvidedError, match=r"Install it: pip install taskiq$"):
        PluginRegistry((facade,)).worker_services["scheduler"]


@pytest.mark.parametrize("scheme", ["kafka", "mysql"])
def test_extra_that_does_not_exist_is_not_advised(scheme: str, registry: PluginRegistry) -> None:
    (facade,) = registry.find("taskiq")

    with pytest.raises(NotProvidedError) as caught:
        PluginRegistry((facade,)).broker_for_url(f"{scheme}://host")

    assert "taskiq[" not in str(caught.value)
