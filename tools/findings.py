"""What a check of the tree finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A place to change.

    Attributes:
        path: the file, from the root of the tree.
        line: where, from 1.
        text: what stands there.
        reason: why it may not, or what to write instead.
    """

    path: str
    line: int
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text!r}: {self.reason}"
