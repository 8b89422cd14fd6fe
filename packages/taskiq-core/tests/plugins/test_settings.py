"""[tool.taskiq] is read from the nearest pyproject.toml; mistakes name file and key."""

from pathlib import Path

import pytest

from taskiq_core.plugins import PluginSettingsError, ProjectSettings, read_settings
from taskiq_core.plugins.settings import read_table


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "pyproject.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_all_settings(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        [tool.taskiq]
        broker = "app.tkq:broker"
        required_plugins = ["redis"]
        disabled_plugins = ["zmq", "nats"]
        prefer = { "redis" = "taskiq-redis", "zmq+tcp" = "acme" }
        """,
    )

    assert read_settings(tmp_path) == ProjectSettings(
        file=file,
        broker="app.tkq:broker",
        required_plugins=("redis",),
        disabled_plugins=("zmq", "nats"),
        prefer={"redis": "taskiq-redis", "zmq+tcp": "acme"},
    )


def test_nearest_file_counts(tmp_path: Path) -> None:
    write(tmp_path, '[tool.taskiq]\nbroker = "far:broker"')
    near = write(tmp_path / "a", '[tool.taskiq]\nbroker = "near:broker"')
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)

    settings = read_settings(tmp_path / "a" / "b" / "c")

    assert (settings.broker, settings.file) == ("near:broker", near)


def test_current_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, '[tool.taskiq]\nbroker = "app:broker"')
    monkeypatch.chdir(tmp_path)

    assert read_settings().broker == "app:broker"


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'", "[tool.ruff]\n", "tool = 1"])
def test_no_table_means_defaults(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, text)

    assert read_settings(tmp_path) == ProjectSettings(file=file)


def test_tables_of_other_packages_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "[tool.taskiq.dashboard]\nport = 1")

    assert read_settings(tmp_path).broker is None


@pytest.mark.parametrize(
    ("line", "key", "problem"),
    [
        ("broker = 5", "broker", 'must be a string such as "app.tkq:broker", not 5'),
        ("broker = ' '", "broker", "must be a string such as"),
        (
            "required_plugins = 'x'",
            "required_plugins",
            'must be a list of strings such as ["redis"]',
        ),
        ("disabled_plugins = [1]", "disabled_plugins", "must be a list of strings"),
        ("prefer = ['redis']", "prefer", "must map names to distributions, such as"),
        ("prefer = { redis = 1 }", "prefer", "must map names to distributions, such as"),
        (
            "required_plugin = ['x']",
            "required_plugin",
            "is not a setting; there are: broker, disabled_plugins, prefer, required_plugins",
        ),
    ],
)
def test_mistakes_name_file_and_key(tmp_path: Path, line: str, key: str, problem: str) -> None:
    file = write(tmp_path, f"[tool.taskiq]\n{line}")

    with pytest.raises(PluginSettingsError) as caught:
        read_settings(tmp_path)

    assert str(caught.value).startswith(f"{file}: tool.taskiq.{key}: {problem}")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"[tool.taskiq\n", "the file is not valid TOML: "),
        (b"\xff", "the file can't be read: "),
        (b"[tool]\ntaskiq = 1", "must be a table"),
    ],
)
def test_file_that_cannot_be_read(tmp_path: Path, data: bytes, problem: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_bytes(data)

    with pytest.raises(PluginSettingsError) as caught:
        read_settings(tmp_path)

    assert str(caught.value).startswith(f"{file}: tool.taskiq: {problem}")


def test_table_of_another_package_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.taskiq.worker]\nworkers = 3\n")

    assert read_table("worker", tmp_path) == ({"workers": 3}, file)
    assert read_table("scheduler", tmp_path) == ({}, file)

    file.write_text("[tool.taskiq]\nworker = 3\n")
    with pytest.raises(PluginSettingsError, match=r"tool\.taskiq\.worker: must be a table"):
        read_table("worker", tmp_path)
