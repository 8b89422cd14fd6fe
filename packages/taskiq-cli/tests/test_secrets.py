"""No command prints the password of a URL, however the URL is typed, or wherever it is put."""

import pytest

from taskiq_testservers.cli_project import Project

SECRET = "Geheim+1"
URLS = [
    "redis://u:{}@127.0.0.1:1",
    "redis:/u:{}@h",
    "redis//u:{}@h",
    "redis;//u:{}@h",
    "redis:u:{}@h",
    "redsi://u:{}@h",
    "redis://u:{}@h:port",
    "redis://u:{}@[::1",
    "redis://:{}@h?lease=none",
]


COMMANDS = [
    "worker {}",
    "tasks {}",
    "schedules {}",
    "scheduler {}",
    "queue stats {}",
    "queue list {}",
    "messages {}",
    "send {} add",
    "send --broker {} add",
    "dead replay {} --all",
    "top {}",
    "result {} id",
    "health {}",
    "tasks app:broker {}",
    "worker app:broker {}",
    "plugins {}",
    "{}",
]
CASES = [("dead list {}", url) for url in URLS]
CASES += [(command, url) for command in COMMANDS for url in URLS[:2]]


@pytest.mark.parametrize(("command", "url"), CASES)
def test_no_command_prints_a_password(project: Project, command: str, url: str) -> None:
    url = url.format(SECRET)

    ran = project.run(*(part.format(url) for part in command.split()))

    assert ran.exit_code not in (0, None), ran
    assert SECRET not in ran.out + ran.err, ran
    assert "Traceback" not in ran.out + ran.err, ran
