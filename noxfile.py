"""The sessions: `python3 -m nox -l` lists them, `python3 -m nox -s tests` runs one.

Needs Python 3.11 or newer with venv and pip, and nox; each session sets itself up, with uv where
that is installed, with pip elsewhere. The packages of this repository are installed together in one
call, so that `taskiq-core>=1.0,<2` is taken from here and not from an index.
"""

import hashlib
import os
import runpy
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "typecheck"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True

# Tests start thousands of processes. Each would compile all that it imports, which takes longer
# than most tests, where the shell forbids to keep bytecode, or uv has not made it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["UV_COMPILE_BYTECODE"] = "1"

ROOT = Path(__file__).parent
PACKAGES = sorted(file.parent.name for file in ROOT.glob("packages/*/pyproject.toml"))
# What only tests use; it is installed in editable form, and never built.
TESTING = sorted(file.parent.name for file in ROOT.glob("testing/*/pyproject.toml"))
DIST = ROOT / "dist"
PEER = "taskiq[zmq]==0.13.0"
REDIS_QUEUES = ROOT / "benchmarks" / "redis_queues"
BIN = "Scripts" if os.name == "nt" else "bin"
OUTSIDE = {"PYTHONPATH": None}  # what an environment must not find by accident
RUNNER = ("pip", "pytest-xdist>=3.6")  # tests of plugins install with pip
BUILD_TOOLS = ("hatchling>=1.27", "editables>=0.5")
PARALLEL = ("--numprocesses=auto", "--dist=worksteal")  # `-- -n 0` runs tests one by one
IMPORT = """
import importlib, pkgutil, sys

name, *extras = sys.argv[1:]
front = importlib.import_module(name)
for public in getattr(front, "__all__", ()):
    getattr(front, public)
for module in pkgutil.walk_packages(front.__path__, name + "."):
    if not module.name.endswith(".__main__"):
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            # The facade raises its own error, with the package to install.
            if {error.name, getattr(error.__cause__, "name", None)}.isdisjoint(extras):
                raise
"""


# --- sessions -------------------------------------------------------------------------------------


@nox.session(reuse_venv=True)
def demo(session: nox.Session) -> None:
    """Run the demo: real workers, one of them killed half-way; `-- --watch` for the dashboard."""
    if "TASKIQ_BROKER_URL" in os.environ:  # of any broker
        install_workspace(session, group("examples"))
    else:
        install_once(session, editables(closure([Requirement("taskiq[web]")])), group("examples"))
    session.run("python", "examples/census/demo.py", *session.posargs)


@nox.session(reuse_venv=True)
def tests(session: nox.Session) -> None:
    """Run the tests of all packages and the integration tests; arguments go to pytest."""
    install_workspace(session, group("tests"), *map(test_libraries, PACKAGES))
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session(reuse_venv=True)
def integration(session: nox.Session) -> None:
    """Run the tests that need several packages: all that `isolated` does not run."""
    install_workspace(session, group("tests"), *map(test_libraries, PACKAGES))
    session.run("pytest", *PARALLEL, "integration-tests", "tools/tests", *session.posargs)


@nox.session(reuse_venv=True)
def soak(session: nox.Session) -> None:
    """Run the tests that take minutes, each file alone; arguments go to pytest."""
    install_workspace(session, group("tests"), *map(test_libraries, PACKAGES))
    for file in sorted(ROOT.glob("packages/*/tests/soak_*.py")):
        session.run("pytest", str(file.relative_to(ROOT)), *session.posargs)


@nox.session(reuse_venv=True)
def hostile(session: nox.Session) -> None:
    """Try hostile input and faults for some minutes, and write the counts into the guarantees.

    A number as argument is the seed.
    """
    install_workspace(session, group("tests"), *map(test_libraries, PACKAGES))
    seed = session.posargs[0] if session.posargs else "1"
    counts = Path(session.create_tmp()) / "hostile.jsonl"
    counts.unlink(missing_ok=True)
    env = {"TASKIQ_HOSTILE": seed, "TASKIQ_HOSTILE_COUNTS": str(counts)}
    session.run("pytest", *PARALLEL, "--session-timeout=1500", "integration-tests/hostile", env=env)
    page = ("taskiq_testservers.hostile.page", str(counts), "docs/guarantees.md")
    session.run("python", "-m", *page)


@nox.session(reuse_venv=True)
@nox.parametrize("store", ["sqlite", "redis"], ids=["sqlite", "redis"])
def endurance(session: nox.Session, store: str) -> None:
    """Have a worker serve mixed traffic for 30 minutes, and check that it does not grow.

    A number as argument is that of the minutes.
    """
    install_workspace(session)
    session.run("python", "-m", "taskiq_testservers.endurance", store, *session.posargs)


@nox.session(reuse_venv=True)
def coverage(session: nox.Session) -> None:
    """Run all tests, and say which lines and branches they leave out."""
    install_workspace(session, group("tests"), group("coverage"), *map(test_libraries, PACKAGES))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Check style, format, words, import contracts, and imports that are written as strings."""
    install_once(session, group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "tools/check_words.py", *session.posargs)
    sources = os.pathsep.join(str(ROOT / "packages" / name / "src") for name in PACKAGES)
    session.run("lint-imports", env={"PYTHONPATH": sources})
    session.run("python", "tools/check_string_imports.py")


@nox.session(reuse_venv=True)
def reference(session: nox.Session) -> None:
    """Write docs/reference/ from the code: labels, commands, errors, capabilities."""
    install_workspace(session, group("tests"))
    session.run("python", "tools/write_reference.py")


@nox.session(venv_backend="none")
def pictures(session: nox.Session) -> None:
    """Draw docs/architecture.svg from the import contracts."""
    session.run(sys.executable, "tools/draw_architecture.py", *session.posargs)


@nox.session(reuse_venv=True)
def screenshots(session: nox.Session) -> None:
    """Take pictures of the dashboard for docs/dashboard/; arguments are names of pages."""
    install_workspace(session, test_libraries("taskiq-web"))
    session.run("python", "tools/take_screenshots.py", *session.posargs)


@nox.session(reuse_venv=True)
def typecheck(session: nox.Session) -> None:
    """Check types with mypy and pyright: all packages, and how their users see them."""
    install_workspace(
        session, group("typecheck"), group("examples"), *map(test_libraries, PACKAGES)
    )
    sources = [f"packages/{name}/src" for name in PACKAGES]
    folders = sorted(ROOT.glob("packages/*/tests/typing"))
    typing_tests = [str(folder.relative_to(ROOT)) for folder in folders]
    session.run("mypy", *sources)
    session.run("mypy", "tools")
    for folder in typing_tests:  # one by one: two may have files of the same name
        session.run("mypy", folder)
    session.run("pyright", *sources, *typing_tests, env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"})


@nox.session(reuse_venv=True)
def build(session: nox.Session) -> None:
    """Build all packages, install the wheels into an empty environment and use them there."""
    install_once(session, group("build"))
    shutil.rmtree(DIST, ignore_errors=True)
    for package in PACKAGES:
        command = ("python", "-m", "build", "--no-isolation", f"--outdir={DIST}")
        session.run(*command, f"packages/{package}", silent=True)
    with tempfile.TemporaryDirectory(prefix="taskiq-build-") as folder, session.chdir(folder):
        use_wheels(session, Path(folder))


@nox.session(reuse_venv=True)
def release(session: nox.Session) -> None:
    """Check what a release of a package needs, and build it: `-- taskiq-redis`."""
    install_once(session, group("build"), group("release"))
    session.run("python", "tools/check_release.py", *session.posargs)


@nox.session(reuse_venv=True)
def lowest(session: nox.Session) -> None:
    """Run the tests of packages with the lowest versions that they declare: `-- taskiq-retry`."""
    for package in session.posargs or ["taskiq-core"]:
        needed = [f"{ROOT / 'packages' / name}" for name in with_siblings(package)]
        servers = testing_editables(test_names(package) & {*TESTING})
        session.install(
            "--resolution=lowest-direct", *needed, *servers, *test_libraries(package), *RUNNER
        )
        session.run("pytest", *PARALLEL, f"packages/{package}/tests")


@nox.session(requires=["build"])
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def isolated(session: nox.Session, package: str) -> None:
    """Run a package's tests from wheels, with nothing installed but what it declares."""
    needed = with_siblings(package)
    servers = testing_editables(test_names(package) & {*TESTING})
    session.install(
        *map(wheel_of, needed), *servers, *test_libraries(package), *RUNNER, env=OUTSIDE
    )
    check_environment(session)
    session.run("python", "-c", IMPORT, *importing(package), silent=True, env=OUTSIDE)
    if any(Requirement(line).name == "taskiq-cli" for line in needed):
        session.run("taskiq", "plugins", "--check", env=OUTSIDE)
    session.run("pytest", *PARALLEL, f"packages/{package}/tests", *session.posargs, env=OUTSIDE)


@nox.session(reuse_venv=True)
def docs(session: nox.Session) -> None:
    """Build the manual as a site in .site/html and check its links; `-- serve` shows it."""
    install_once(session, group("docs"))
    sources = os.pathsep.join(str(ROOT / "packages" / name / "src") for name in PACKAGES)
    session.run("python", "tools/stage_site.py")
    site = ("--config-file=.site/zensical.toml",)
    if "serve" in session.posargs:
        session.run("zensical", "serve", *site, env={"PYTHONPATH": sources})
        return
    session.run("zensical", "build", "--strict", *site, env={"PYTHONPATH": sources})
    session.run("python", "tools/finish_site.py")


@nox.session(reuse_venv=True)
def bench(session: nox.Session) -> None:
    """Measure our Redis broker beside other queues; arguments go to redis_queues/run.py."""
    session.install("redis[hiredis]", "matplotlib", env=OUTSIDE)
    folder = make_queue_environments(session)
    command = ("python", str(REDIS_QUEUES / "run.py"), f"--environments={folder}")
    session.run(*command, *session.posargs, env=OUTSIDE)


@nox.session(reuse_venv=True)
def bench_pgsql(session: nox.Session) -> None:
    """Measure our PostgreSQL broker beside other queues; arguments go to pgsql_queues/run.py."""
    ours = ["packages/taskiq-core", "packages/taskiq-pgsql", "testing/taskiq-testservers"]
    peers = ["procrastinate", "psycopg[binary,pool]", "pgqueuer", "taskiq-postgres[asyncpg]"]
    session.install(*ours, *peers, PEER, env=OUTSIDE)
    session.run("python", "benchmarks/pgsql_queues/run.py", *session.posargs, env=OUTSIDE)


@nox.session(reuse_venv=True)
def profile(session: nox.Session) -> None:
    """Show where the time of a task on Redis goes; `-- --write-docs` puts it into docs/."""
    install_workspace(session, ["uvloop"])
    session.run("python", str(REDIS_QUEUES / "profile_task.py"), *session.posargs, env=OUTSIDE)


@nox.session(reuse_venv=True)
def bench_memory(session: nox.Session) -> None:
    """Measure the memory of workers beside taskiq 0.13; arguments go to benchmarks/memory.py."""
    folder = make_queue_environments(session, only=("ours", "taskiq"))
    command = ("python", "benchmarks/memory.py", f"--environments={folder}")
    session.run(*command, *session.posargs, env=OUTSIDE)


@nox.session(reuse_venv=True)
def bench_core(session: nox.Session) -> None:
    """Measure the core and ZeroMQ beside taskiq 0.13; arguments go to benchmarks/run.py."""
    folders = [f"packages/{name}" for name in PACKAGES]
    # As users have it: an editable install makes imports slower.
    session.install(*folders, env=OUTSIDE)
    session.install("--force-reinstall", "--no-deps", *folders, env=OUTSIDE)
    peer = make_environment(session, Path(session.virtualenv.location).with_name("bench-peer"))
    pip_install(session, peer, PEER)
    session.run("python", "benchmarks/run.py", f"--peer={peer}", *session.posargs, env=OUTSIDE)


# --- steps ----------------------------------------------------------------------------------------


def install_workspace(session: nox.Session, *requirements: Iterable[str]) -> None:
    """Install all packages in editable form with every extra, and what else a session needs."""
    names = [name for name in PACKAGES if name != "taskiq"]
    install_once(
        session, [*editables([*names, "taskiq[all]"]), *testing_editables(TESTING)], *requirements
    )


def install_once(session: nox.Session, *requirements: Iterable[str]) -> None:
    """Install, unless this session's environment has exactly that from an earlier run."""
    wanted = sorted({line for lines in requirements for line in lines})
    marker = Path(session.virtualenv.location) / "installed.sha256"
    digest = hashlib.sha256("\n".join([sys.version, *wanted]).encode())
    for file in sorted(ROOT.glob("*/*/pyproject.toml")):
        digest.update(file.read_bytes())
    if marker.is_file() and marker.read_text() == digest.hexdigest():
        session.log("The environment is up to date.")
        return
    if session.venv_backend == "uv":
        session.install(*wanted, env=OUTSIDE)
    else:
        # pip would make an environment to build in for each package.
        session.install(*BUILD_TOOLS, env=OUTSIDE)
        session.install("--no-build-isolation", *wanted, env=OUTSIDE)
    marker.write_text(digest.hexdigest())


def make_queue_environments(session: nox.Session, only: Iterable[str] = ()) -> Path:
    """Make an environment for each queue that Redis is compared with.

    Returns:
        The folder that holds them.
    """
    folder = Path(session.virtualenv.location).with_name("redis-queues")
    ours = [str(ROOT / "packages" / name) for name in closure([Requirement("taskiq[redis]")])]
    ours = [line.partition("[")[0] for line in ours]
    for contender in runpy.run_path(str(REDIS_QUEUES / "contenders.py"))["CONTENDERS"]:
        if contender.name in only or not only:
            python = make_environment(session, folder / contender.name)
            pip_install(session, python, *(contender.requirements or [*ours, "uvloop"]))
    # What was installed by an earlier run is not what is here now.
    pip_install(
        session, str(folder / "ours" / BIN / "python"), "--force-reinstall", "--no-deps", *ours
    )
    return folder


def wheel_of(package: str) -> str:
    """The requirement of a wheel that `build` made, for a package given as `name[extras]`."""
    (wheel,) = DIST.glob(f"{Requirement(package).name.replace('-', '_')}-*.whl")
    return f"{package} @ {wheel.as_uri()}"


def check_environment(session: nox.Session) -> None:
    """Check that the requirements of all installed distributions are met."""
    pip = ("uv", "pip") if session.venv_backend == "uv" else ("python", "-m", "pip")
    session.run(*pip, "check", silent=True, external=True, env=OUTSIDE)


def make_environment(session: nox.Session, folder: Path) -> str:
    """Make a bare virtual environment and return its Python."""
    python = folder / BIN / "python"
    if not python.exists():
        session.run("python", "-m", "venv", str(folder))
    return str(python)


def pip_install(session: nox.Session, python: str, *requirements: str) -> None:
    """Install into an environment that is not the session's."""
    for command in (["install", *requirements], ["check"]):
        session.run(python, "-m", "pip", *command, silent=True, external=True, env=OUTSIDE)


def use_wheels(session: nox.Session, folder: Path) -> None:
    """Install the wheels in an empty environment, import every module and list the plugins."""
    python = make_environment(session, folder / "empty")
    wheels = sorted(map(str, DIST.glob("*.whl")))
    sdists = list(DIST.glob("*.tar.gz"))
    if not len(wheels) == len(sdists) == len(PACKAGES):
        session.error(f"{len(PACKAGES)} packages: {len(wheels)} wheels and {len(sdists)} sdists")
    pip_install(session, python, *wheels)
    for package in PACKAGES:
        command = (python, "-c", IMPORT, *importing(package))
        session.run(*command, silent=True, external=True, env=OUTSIDE)
    taskiq = str(folder / "empty" / BIN / "taskiq")
    session.run(taskiq, "--version", external=True, env=OUTSIDE)
    session.run(taskiq, "plugins", external=True, env=OUTSIDE)
    session.run(taskiq, "plugins", "--check", external=True, env=OUTSIDE)


# --- what the packages declare --------------------------------------------------------------------


def group(name: str) -> list[str]:
    """A dependency group of the workspace."""
    return nox.project.dependency_groups(declared(), name)


def test_group(package: str) -> list[str]:
    """What a package's tests need."""
    return nox.project.dependency_groups(declared(package), "test")


def test_libraries(package: str) -> list[str]:
    """What a package's tests need from an index: all but what is installed from here."""
    ours = {*PACKAGES, *TESTING}
    return [line for line in test_group(package) if Requirement(line).name not in ours]


def test_names(package: str) -> set[str]:
    """The names of what a package's tests need."""
    return {Requirement(line).name for line in test_group(package)}


def editables(packages: Iterable[str]) -> list[str]:
    """The arguments that install packages, given as `name[extras]`, in editable form."""
    return [f"-e{ROOT / 'packages' / package}" for package in packages]


def testing_editables(names: Iterable[str]) -> list[str]:
    """The arguments that install packages of `testing/` in editable form."""
    return [f"-e{ROOT / 'testing' / name}" for name in sorted(names)]


def with_siblings(package: str) -> list[str]:
    """The package and those of its siblings that it or its tests need, as `name[extras]`."""
    return closure([Requirement(package), *map(Requirement, test_group(package))])


def closure(waiting: list[Requirement]) -> list[str]:
    """The packages of this repository that these need, and they themselves, as `name[extras]`."""
    chosen: dict[str, set[str]] = {}
    while waiting:
        requirement = waiting.pop()
        name, extras = requirement.name, requirement.extras
        if name not in PACKAGES or (name in chosen and extras <= chosen[name]):
            continue
        chosen.setdefault(name, set()).update(extras)
        waiting.extend(dependencies(name, extras))
    return [
        f"{name}[{','.join(sorted(extras))}]" if extras else name for name, extras in chosen.items()
    ]


def dependencies(package: str, extras: Iterable[str] = ()) -> list[Requirement]:
    """What a package needs at run time."""
    project = declared(package)["project"]
    optional = project.get("optional-dependencies", {})
    lines = [*project["dependencies"], *(line for extra in extras for line in optional[extra])]
    return [Requirement(line) for line in lines]


def importing(package: str) -> list[str]:
    """The arguments of `IMPORT`: the module of a package, and modules that only its extras need."""
    extras = declared(package)["project"].get("optional-dependencies", {})
    optional = {Requirement(line).name for lines in extras.values() for line in lines}
    return [name.replace("-", "_") for name in (package, *sorted(optional))]


def declared(package: str | None = None) -> dict[str, Any]:
    """The pyproject.toml of a package, or of the workspace."""
    folder = ROOT / "packages" / package if package else ROOT
    return nox.project.load_toml(folder / "pyproject.toml")
