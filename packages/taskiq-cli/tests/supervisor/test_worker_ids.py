"""Ids of workers are unique, and made of letters that any store takes."""

import os
import re

from taskiq_cli.supervisor.worker_ids import WorkerIds


def test_ids_name_their_supervisor_and_never_repeat() -> None:
    ids, others = WorkerIds(), WorkerIds()

    made = [ids.next(), ids.next(), others.next()]

    assert len(set(made)) == 3
    assert ids.supervisor_id != others.supervisor_id
    assert made[0] == f"{ids.supervisor_id}-1"
    assert f"-{os.getpid()}-" in made[0]
    assert re.fullmatch(r"[A-Za-z0-9.-]+", made[0])
