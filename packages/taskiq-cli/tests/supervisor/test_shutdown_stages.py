"""How long each stage of a shutdown may take."""

from taskiq_cli.supervisor.shutdown_stages import GRACE, StageDeadlines


def test_every_stage_has_a_deadline() -> None:
    deadlines = StageDeadlines(wait_tasks_timeout=10, shutdown_timeout=5)

    assert deadlines.finish_deadline(100) == 115 + GRACE
    assert deadlines.cancel_deadline(100) == 105 + GRACE
    assert deadlines.reload_deadline(100) == 110
    assert deadlines.describe_finish() == "up to 10 s"


def test_stages_without_a_limit_for_tasks() -> None:
    deadlines = StageDeadlines(wait_tasks_timeout=None, shutdown_timeout=5)

    assert deadlines.finish_deadline(100) is None
    assert deadlines.reload_deadline(100) == 105
    assert "another signal cancels them" in deadlines.describe_finish()
