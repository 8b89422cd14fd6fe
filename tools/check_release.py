"""Check what a release of one package needs, and build it; nothing is published.

What is checked: the working tree is clean; the version is that of the changelog's first heading,
and has no tag; two builds give the same bytes; the wheel has `py.typed` and the licence, and no
tests; ranges on siblings admit the versions that are here; the public API is that of the last
release, or the version says that it is not.

`python -m nox -s release -- taskiq-redis` calls it.
"""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.version import Version

ROOT: Final = Path(__file__).resolve().parent.parent
METADATA: Final = ("Summary", "License-Expression", "Requires-Python", "Description-Content-Type")
DIST: Final = ROOT / "dist" / "release"


def main(arguments: list[str]) -> int:
    """Check the package that is named; print what is missing."""
    if len(arguments) != 1 or not (ROOT / "packages" / arguments[0]).is_dir():
        names = ", ".join(sorted(each.parent.name for each in ROOT.glob("packages/*/README.md")))
        sys.stderr.write(f"Name one package: {names}\n")
        return 2
    package = arguments[0]
    problems = [*problems_of(ROOT, package)]
    for problem in problems:
        sys.stderr.write(f"{package}: {problem}\n")
    if problems:
        return 1
    version = version_of(ROOT, package)
    sys.stdout.write(
        f"{package} {version} is ready in {DIST.relative_to(ROOT)}. To release it:\n"
        f"  git tag {tag_of(package, version)}\n"
        f"  git push origin {tag_of(package, version)}\n"
        f"  python -m twine upload {DIST.relative_to(ROOT)}/*\n"
    )
    return 0


def problems_of(root: Path, package: str) -> Iterator[str]:
    """Yield what keeps a package from being released.

    Args:
        root: the folder of the repository.
        package: the name of the package.
    """
    folder = root / "packages" / package
    version = version_of(root, package)
    if git(root, "status", "--porcelain"):
        yield "the working tree has changes: commit them"
    if git(root, "tag", "--list", tag_of(package, version)):
        yield f"version {version} has a tag: raise __version__ in its __init__.py"
    yield from changelog_problems((folder / "CHANGELOG.md").read_text(), version)
    yield from sibling_problems(root, package)
    yield from api_problems(root, package, version)
    with tempfile.TemporaryDirectory() as other:
        shutil.rmtree(DIST, ignore_errors=True)
        build(root, package, DIST)
        build(root, package, Path(other))
        yield from difference(DIST, Path(other))
    for wheel in DIST.glob("*.whl"):
        yield from wheel_problems(wheel, package, version)


def version_of(root: Path, package: str) -> str:
    """Return `__version__` of a package."""
    front = root / "packages" / package / "src" / package.replace("-", "_") / "__init__.py"
    for node in ast.walk(ast.parse(front.read_text())):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            return str(ast.literal_eval(node.value))
    raise LookupError(f"{front} has no __version__")


def tag_of(package: str, version: str) -> str:
    """Return the name of the tag of a release."""
    return f"{package}=={version}"


def changelog_problems(text: str, version: str) -> Iterator[str]:
    """Yield what is wrong with a changelog.

    Args:
        text: of the changelog.
        version: what is to be released.
    """
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    if not headings or not headings[0].startswith(f"{version} ("):
        found = headings[0] if headings else "nothing"
        yield (
            f'the first heading of CHANGELOG.md is "{found}". '
            f'Make it "## {version} (YYYY-MM-DD)", and check that its lines are for users'
        )


def sibling_problems(root: Path, package: str) -> Iterator[str]:
    """Yield the siblings whose version here is not in the range that the package declares.

    Args:
        root: the folder of the repository.
        package: the name of the package.
    """
    project: dict[str, Any] = tomllib.loads(
        (root / "packages" / package / "pyproject.toml").read_text()
    )["project"]
    extras = project.get("optional-dependencies", {}).values()
    for line in (*project["dependencies"], *(line for lines in extras for line in lines)):
        requirement = Requirement(line)
        if not (root / "packages" / requirement.name).is_dir():
            continue
        if requirement.name == package:
            continue
        version = version_of(root, requirement.name)
        if not requirement.specifier.contains(version, prereleases=True):
            yield f"it asks for {line}, and {requirement.name} is {version} here"


def api_problems(root: Path, package: str, version: str) -> Iterator[str]:
    """Yield a line if the API differs from that of the last release, and the version does not say.

    Args:
        root: the folder of the repository.
        package: the name of the package.
        version: what is to be released.
    """
    tags = git(root, "tag", "--list", tag_of(package, "*"), "--sort=-version:refname").split()
    if not tags:
        return
    before = Version(tags[0].partition("==")[2])
    if Version(version).major > before.major:
        return
    module, sources = package.replace("-", "_"), f"packages/{package}/src"
    command = ["griffe", "check", module, "--against", tags[0], "--search", sources]
    finished = subprocess.run(  # noqa: S603  # a program of ours
        [sys.executable, "-m", *command],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        yield f"its API breaks that of {tags[0]}, so the major version rises:\n{finished.stdout}"


def build(root: Path, package: str, to: Path) -> None:
    """Build wheel and sdist of a package.

    Args:
        root: the folder of the repository.
        package: the name of the package.
        to: the folder of the files.
    """
    stamp = git(root, "log", "-1", "--format=%ct")
    subprocess.run(  # noqa: S603  # a program of ours
        [sys.executable, "-m", "build", "--no-isolation", f"--outdir={to}", f"packages/{package}"],
        cwd=root,
        env={**os.environ, "SOURCE_DATE_EPOCH": stamp},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def difference(first: Path, second: Path) -> Iterator[str]:
    """Yield the files of two folders whose bytes differ."""
    for file in sorted(first.iterdir()):
        digests = {
            hashlib.sha256(each.read_bytes()).hexdigest() for each in (file, second / file.name)
        }
        if len(digests) > 1:
            yield f"{file.name} is another one each time it is built"


def wheel_problems(wheel: Path, package: str, version: str) -> Iterator[str]:
    """Yield what a wheel lacks, or has too much.

    Args:
        wheel: the file.
        package: the name of the package.
        version: what is to be released.
    """
    module = package.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for wanted in (f"{module}/py.typed", f"{info}/licenses/LICENSE", f"{info}/METADATA"):
            if wanted not in names:
                yield f"the wheel has no {wanted}"
        for name in sorted(names):
            if not name.startswith((f"{module}/", f"{info}/")):
                yield f"the wheel has {name}"
        if f"{info}/METADATA" in names:
            metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
            for field in METADATA:
                if not metadata[field]:
                    yield f"its metadata has no {field}"


def git(root: Path, *arguments: str) -> str:
    """Return what git prints."""
    command = ["git", *arguments]
    finished = subprocess.run(  # noqa: S603  # git
        command, cwd=root, capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
