"""Small distributions, built as wheels and installed for real, and forgotten after each test."""

import base64
import hashlib
import importlib
import io
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

HEADER = """\
from taskiq_core.plugins import BrokerSpec, CommandSpec, ResultBackendSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)

"""


def wheel_of(
    name: str,
    *,
    version: str = "1.0",
    plugins: Mapping[str, str] | None = None,
    modules: Mapping[str, str] | None = None,
    entry_points: bytes | None = None,
) -> tuple[str, bytes]:
    """A wheel's file name and bytes.

    Args:
        name: of the distribution.
        version: of the distribution.
        plugins: entry points of the group `taskiq`.
        modules: paths and sources.
        entry_points: entry_points.txt as it is, instead of `plugins`.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    lines = [f"{plugin} = {value}" for plugin, value in (plugins or {}).items()]
    written = "\n".join(["[taskiq]", *lines, ""]).encode()
    files = {path: dedent(source).encode() for path, source in (modules or {}).items()}
    files[f"{stem}.dist-info/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    )
    files[f"{stem}.dist-info/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{stem}.dist-info/entry_points.txt"] = (
        entry_points if entry_points is not None else written
    )
    record = f"{stem}.dist-info/RECORD"
    rows = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in files.items()]
    files[record] = "\n".join([*rows, f"{record},,", ""]).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as wheel:
        for path, data in files.items():
            wheel.writestr(path, data)
    return f"{stem}-py3-none-any.whl", archive.getvalue()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@pytest.fixture
def build_wheel(tmp_path: Path) -> Callable[..., Path]:
    """Builds a wheel file; arguments as `wheel_of`."""

    def build(name: str, **parts: object) -> Path:
        file_name, data = wheel_of(name, **parts)  # type: ignore[arg-type]  # checked there
        file = tmp_path / "wheels" / file_name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
        return file

    return build


@pytest.fixture
def install(
    build_wheel: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Path]]:
    """Installs a wheel into a folder at the end of `sys.path`, and returns the folder."""
    path = list(sys.path)
    monkeypatch.setattr(sys, "path", path)

    def unpack(name: str, *, folder: str = "site", **parts: object) -> Path:
        site = tmp_path / folder
        with zipfile.ZipFile(build_wheel(name, **parts)) as wheel:
            wheel.extractall(site)
        if str(site) not in path:
            path.append(str(site))
        importlib.invalidate_caches()
        return site

    yield unpack
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def install_plugin(install: Callable[..., Path]) -> Callable[..., Path]:
    """Installs a distribution with one plugin, whose module is given without its header."""

    def build(
        name: str, body: str = "", *, plugin: str | None = None, header: str = HEADER, **parts: str
    ) -> Path:
        module = f"{name.replace('-', '_')}_plugin"
        source = header + dedent(body)
        return install(
            name, plugins={plugin or name: module}, modules={f"{module}.py": source}, **parts
        )

    return build
