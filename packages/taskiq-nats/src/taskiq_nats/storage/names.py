"""The names of streams and subjects; pure."""

import re
from hashlib import sha256
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
WORKERS: Final = "workers"
"""The durable consumer that the workers of a queue share."""


def token_of(text: str) -> str:
    """Return a text as one token of a subject: as it is, or a digest of it."""
    if _PLAIN.fullmatch(text):
        return text
    return "=" + sha256(text.encode(errors="surrogatepass")).hexdigest()


class QueueNames:
    """The streams and subjects of a queue.

    Attributes:
        now: the stream of messages that can be delivered.
        later: the stream of messages that wait for their time.
        dead: the stream of dead letters.
        state: the stream of values by key: aborts, unique keys, the pause.
        ticks: the stream of claimed and confirmed ticks.
        last_ticks: the stream of the last tick of each schedule.

    Args:
        queue: the name of the queue.
    """

    def __init__(self, queue: str) -> None:
        self._token = token = token_of(queue).replace("=", "_")
        self.now = f"taskiq-now-{token}"
        self.later = f"taskiq-later-{token}"
        self.dead = f"taskiq-dead-{token}"
        self.state = f"taskiq-state-{token}"
        self.ticks = f"taskiq-ticks-{token}"
        self.last_ticks = f"taskiq-last-{token}"

    def now_subject(self, task_id: str) -> str:
        """Return the subject of a task's message that can be delivered; `*` for all tasks."""
        return f"tq.now.{self._token}.{_token_or_all(task_id)}"

    def later_subject(self, task_id: str) -> str:
        """Return the subject of a task's message that is delayed."""
        return f"tq.later.{self._token}.{_token_or_all(task_id)}"

    def dead_subject(self, task_id: str) -> str:
        """Return the subject of a task's dead letters."""
        return f"tq.dead.{self._token}.{_token_or_all(task_id)}"

    def abort_subject(self, task_id: str) -> str:
        """Return the subject of the mark of an aborted task."""
        return f"tq.state.{self._token}.abort.{_token_or_all(task_id)}"

    def key_subject(self, key: str) -> str:
        """Return the subject of a unique key."""
        return f"tq.state.{self._token}.key.{_token_or_all(key)}"

    def claim_subject(self, schedule_id: str, tick: int) -> str:
        """Return the subject of the claim of a tick."""
        return f"tq.ticks.{self._token}.claim.{token_of(schedule_id)}.{tick}"

    def confirmed_subject(self, schedule_id: str, tick: int) -> str:
        """Return the subject of a tick that was confirmed."""
        return f"tq.ticks.{self._token}.confirmed.{token_of(schedule_id)}.{tick}"

    def last_tick_subject(self, schedule_id: str) -> str:
        """Return the subject of the last tick of a schedule; `*` for all schedules."""
        return f"tq.last.{self._token}.{_token_or_all(schedule_id)}"

    @property
    def all_claims(self) -> str:
        """The claims of all ticks."""
        return f"tq.ticks.{self._token}.claim.*.*"

    @property
    def tick_subjects(self) -> str:
        """All subjects of the stream of ticks."""
        return f"tq.ticks.{self._token}.>"

    @property
    def pause_subject(self) -> str:
        """The subject of the pause."""
        return f"tq.state.{self._token}.pause"

    @property
    def state_subjects(self) -> str:
        """All subjects of the stream of values."""
        return f"tq.state.{self._token}.>"


def _token_or_all(text: str) -> str:
    return "*" if text == "*" else token_of(text)
