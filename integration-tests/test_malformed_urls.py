"""A malformed URL is bad input to a command, and not a traceback."""

from pathlib import Path

import pytest

from taskiq_testservers.cli_project import Project


@pytest.mark.parametrize("url", ["redis://[::1", "redis://h:port", "redis+pubsub://[::1"])
def test_malformed_url_is_bad_input(tmp_path: Path, url: str) -> None:
    ran = Project(tmp_path).run("dead", "list", url)

    assert ran.exit_code == 2, ran
    assert ran.err.startswith("Error: ")
    assert "Traceback" not in ran.err
