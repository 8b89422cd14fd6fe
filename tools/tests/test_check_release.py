"""What keeps a package from being released."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from check_release import (
    ROOT,
    changelog_problems,
    difference,
    sibling_problems,
    tag_of,
    version_of,
    wheel_problems,
)


def test_the_version_is_that_of_the_front(tmp_path: Path) -> None:
    front = tmp_path / "packages/taskiq-x/src/taskiq_x/__init__.py"
    front.parent.mkdir(parents=True)
    front.write_text('"""X."""\n\n__version__ = "1.2.3"\n')

    assert version_of(tmp_path, "taskiq-x") == "1.2.3"
    assert tag_of("taskiq-x", "1.2.3") == "taskiq-x==1.2.3"


def test_the_changelog_names_the_version_first() -> None:
    assert not [*changelog_problems("# Changelog\n\n## 1.0.0 (2026-11-21)\n", "1.0.0")]
    (problem,) = changelog_problems("# Changelog\n\n## Unreleased\n\n## 1.0.0 (2026-1-1)", "1.0.0")
    assert 'is "Unreleased"' in problem
    assert [*changelog_problems("# Changelog\n", "1.0.0")]


@pytest.mark.parametrize(
    "package", sorted(file.parent.name for file in ROOT.glob("packages/*/pyproject.toml"))
)
def test_ranges_admit_the_siblings_that_are_here(package: str) -> None:
    assert [*sibling_problems(ROOT, package)] == []


def test_a_range_that_leaves_a_sibling_out_is_named(tmp_path: Path) -> None:
    for name, version in (("taskiq-a", "1.0.0"), ("taskiq-b", "2.1.0")):
        front = tmp_path / f"packages/{name}/src/{name.replace('-', '_')}/__init__.py"
        front.parent.mkdir(parents=True)
        front.write_text(f'__version__ = "{version}"\n')
    (tmp_path / "packages/taskiq-a/pyproject.toml").write_text(
        '[project]\ndependencies = ["taskiq-b>=1,<2", "rich"]\n'
    )

    assert [*sibling_problems(tmp_path, "taskiq-a")] == [
        "it asks for taskiq-b>=1,<2, and taskiq-b is 2.1.0 here"
    ]


def make_wheel(folder: Path, *names: str) -> Path:
    wheel = folder / "taskiq_x-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in names:
            archive.writestr(
                name,
                "Summary: x\nLicense-Expression: MIT\nRequires-Python: >=3.11\n"
                "Description-Content-Type: text/markdown\n\n",
            )
    return wheel


def test_a_complete_wheel(tmp_path: Path) -> None:
    info = "taskiq_x-1.0.0.dist-info"
    wheel = make_wheel(
        tmp_path, "taskiq_x/py.typed", f"{info}/licenses/LICENSE", f"{info}/METADATA"
    )

    assert [*wheel_problems(wheel, "taskiq-x", "1.0.0")] == []


def test_what_a_wheel_lacks_or_has_too_much_is_named(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tests/test_x.py", "taskiq_x/py.typed")

    assert [*wheel_problems(wheel, "taskiq-x", "1.0.0")] == [
        "the wheel has no taskiq_x-1.0.0.dist-info/licenses/LICENSE",
        "the wheel has no taskiq_x-1.0.0.dist-info/METADATA",
        "the wheel has tests/test_x.py",
    ]


def test_builds_that_differ_are_named(tmp_path: Path) -> None:
    for name, content in (("one", "a"), ("two", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.whl").write_text(content)

    assert [*difference(tmp_path / "one", tmp_path / "two")] == [
        "x.whl is another one each time it is built"
    ]
    assert [*difference(tmp_path / "one", tmp_path / "one")] == []


def test_a_name_that_is_not_a_package_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    command = ["python", str(ROOT / "tools/check_release.py"), "taskiq-gone"]

    assert subprocess.run(command, check=False).returncode == 2
    assert "taskiq-core" in capfd.readouterr().err
