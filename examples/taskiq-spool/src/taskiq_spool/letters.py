"""Dead letters: beside each message, a file that says why it is here."""

import json
import time
from collections.abc import Collection
from datetime import UTC, datetime

from taskiq_core.messages.queue_stats import DeadLetter
from taskiq_spool.spool import Claim, Spool


def write_letter(spool: Spool, claim: Claim, reason: str, error: str | None) -> bool:
    """Bury a message; whether it was still ours."""
    letter_id = str(time.time_ns())
    facts = {
        "task_id": claim.name.task_id,
        "attempt": claim.name.attempt,
        "reason": reason,
        "error": error,
    }
    # First why, then what: a letter without its message is not listed.
    (spool.dead / f"{letter_id}.json").write_text(json.dumps(facts))
    return spool.bury(claim, letter_id)


def read_letters(spool: Spool, limit: int, offset: int) -> list[DeadLetter]:
    """A page of the letters, those buried first first."""
    return [_read(spool, letter_id) for letter_id in _ids(spool)[offset : offset + limit]]


def replay(spool: Spool, letter_ids: Collection[str] | None) -> int:
    """Queue letters again, as new messages; how many there were."""
    chosen = _chosen(spool, letter_ids)
    for letter_id in chosen:
        message = spool.dead / f"{letter_id}.message"
        spool.put(_read(spool, letter_id).task_id, message.read_bytes())
        _delete(spool, letter_id)
    return len(chosen)


def purge(spool: Spool, letter_ids: Collection[str] | None) -> int:
    """Delete letters; how many there were."""
    chosen = _chosen(spool, letter_ids)
    for letter_id in chosen:
        _delete(spool, letter_id)
    return len(chosen)


def count(spool: Spool) -> int:
    """How many letters there are."""
    return len(_ids(spool))


def _ids(spool: Spool) -> list[str]:
    return sorted(path.stem for path in spool.dead.glob("*.message"))


def _chosen(spool: Spool, letter_ids: Collection[str] | None) -> list[str]:
    return [each for each in _ids(spool) if letter_ids is None or each in letter_ids]


def _read(spool: Spool, letter_id: str) -> DeadLetter:
    task_name, _, body = (spool.dead / f"{letter_id}.message").read_bytes().partition(b"\n")
    facts = json.loads((spool.dead / f"{letter_id}.json").read_text())
    buried_at = datetime.fromtimestamp(int(letter_id) / 1e9, UTC)
    return DeadLetter(
        letter_id=letter_id,
        task_name=task_name.decode(),
        message=body,
        buried_at=buried_at,
        **facts,
    )


def _delete(spool: Spool, letter_id: str) -> None:
    (spool.dead / f"{letter_id}.message").unlink(missing_ok=True)
    (spool.dead / f"{letter_id}.json").unlink(missing_ok=True)
