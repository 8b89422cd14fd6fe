"""`taskiq tasks`."""

from taskiq_testservers.cli_project import Project


def test_table(project: Project) -> None:
    ran = project.run("tasks", "app:broker")

    rows = [line.split() for line in ran.out.splitlines()]
    assert ran.exit_code == 0
    assert rows[0] == ["TASK", "MODULE", "LABELS"]
    assert ["note", "app", "queue='notes'"] in rows
    assert ["hold", "app", "-"] in rows


def test_json_with_modules_and_discovery(project: Project) -> None:
    task = "from app import broker\n@broker.task(task_name='{0}', n=1)\nasync def {0}(): pass\n"
    project.write("more.py", task.format("a"))
    project.write("shop/tasks.py", task.format("b"))

    ran = project.run("tasks", "app:broker", "more", "-fsd", "--json")

    assert {"name": "a", "module": "more", "labels": {"n": 1}} in ran.json
    assert {"name": "b", "module": "shop.tasks", "labels": {"n": 1}} in ran.json


def test_no_tasks_says_what_to_do(project: Project) -> None:
    project.write(
        "empty.py",
        "from pathlib import Path\nfrom file_broker import FileBroker\nb = FileBroker(Path('x'))\n",
    )

    ran = project.run("tasks", "empty:b")

    assert ran.exit_code == 0
    assert "empty:b has no tasks. Name the modules that declare them" in ran.out


def test_async_factory_and_settings(project: Project) -> None:
    project.write("lazy.py", "import app\nasync def make():\n    return app.broker\n")
    project.write("pyproject.toml", "[tool.taskiq]\nbroker = 'lazy:make'\n")

    assert "note" in project.run("tasks").out
