"""Entry points are enumerated without importing anything; the first of a name counts."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from taskiq_core.plugins import PluginStatus, load_plugins
from taskiq_core.plugins.discovery import discover

Install = Callable[..., Path]


def found(name: str) -> list[tuple[str, str]]:
    return [
        (candidate.distribution, candidate.version)
        for candidate in discover().candidates
        if candidate.name == name
    ]


def test_nothing_is_imported(install: Install) -> None:
    install("acme", plugins={"acme": "acme_plugin"}, modules={"acme_plugin.py": "1 / 0"})

    assert found("acme") == [("acme", "1.0")]
    assert "acme_plugin" not in sys.modules


def test_one_distribution_may_have_several_plugins(install: Install) -> None:
    install("acme", plugins={"acme-one": "one", "acme-two": "two"})

    assert found("acme-one") == found("acme-two") == [("acme", "1.0")]


def test_other_groups_are_left_alone(install: Install) -> None:
    install("acme", entry_points=b"[console_scripts]\ntaskiq-acme = taskiq_acme:main\n")

    assert not [c for c in discover().candidates if c.distribution == "acme"]


def test_first_distribution_of_a_name_counts(install: Install) -> None:
    install("Acme_Queue", version="2.0", folder="first", plugins={"acme": "acme_plugin"})
    install("acme-queue", version="1.0", folder="second", plugins={"acme": "acme_plugin"})

    assert found("acme") == [("Acme_Queue", "2.0")]


def test_distribution_is_shadowed_by_one_without_plugins(install: Install) -> None:
    install("acme", version="2.0", folder="first", entry_points=b"")
    install("acme", version="1.0", folder="second", plugins={"acme": "acme_plugin"})

    assert found("acme") == []


def test_same_folder_twice_on_the_path(install: Install) -> None:
    folder = install("acme", plugins={"acme": "acme_plugin"})
    sys.path.append(str(folder))

    assert found("acme") == [("acme", "1.0")]


def test_entry_point_written_twice(install: Install) -> None:
    install("acme", entry_points=b"[taskiq]\nacme = acme_plugin\nacme = acme_plugin\n")

    assert found("acme") == [("acme", "1.0")]


def test_entry_points_that_are_no_text(install: Install) -> None:
    install("acme", entry_points=b"[taskiq]\nacme = \xff\xfe\x00\n")

    (plugin,) = load_plugins().find("acme")

    assert plugin.status is PluginStatus.BROKEN
    assert plugin.reason.startswith("its entry_points.txt can't be read")
    assert "UnicodeDecodeError" in plugin.reason
    assert plugin.cure == "Reinstall it: pip install --force-reinstall --no-deps acme"


def test_entry_points_that_are_garbled(install: Install) -> None:
    install("acme", entry_points=b"[taskiq]\nthis is not an entry point\n")

    (plugin,) = load_plugins().find("acme")

    assert plugin.status is PluginStatus.BROKEN
    assert "entry_points.txt can't be read" in plugin.reason


def test_corrupt_distribution_hides_no_other(install: Install) -> None:
    install("acme-bad", entry_points=b"\xff")
    install("acme-good", plugins={"acme": "acme_plugin"})

    assert found("acme") == [("acme-good", "1.0")]


def test_half_removed_distribution(install: Install) -> None:
    folder = install("acme", plugins={"acme": "acme_plugin"})
    (folder / "acme-1.0.dist-info" / "METADATA").unlink()

    assert [distribution for distribution, _ in found("acme")] == [f"a distribution in {folder}"]


def test_garbled_metadata_of_a_removed_distribution(install: Install) -> None:
    folder = install("acme", plugins={"acme": "acme_plugin"})
    (folder / "acme-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe")

    assert [version for _, version in found("acme")] == ["unknown"]


def test_folder_on_the_path_that_is_gone(install: Install) -> None:
    folder = install("acme", plugins={"acme": "acme_plugin"})
    shutil.rmtree(folder)

    assert found("acme") == []
