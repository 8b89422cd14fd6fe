"""Making this process the one that inherits orphans among its descendants (Linux)."""

import sys

_PR_SET_CHILD_SUBREAPER = 36
"""Of `prctl(2)`."""


def become_subreaper() -> bool:
    """Become the parent of descendants whose own parent ends; kept across `exec`, not by children.

    Returns:
        Whether it worked; never on systems other than Linux.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return False  # a C library without it
    return bool(prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
