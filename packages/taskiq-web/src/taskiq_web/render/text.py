"""Untrusted text, made harmless: control characters, lone surrogates, endless lines."""

from typing import Final

_KEPT: Final = frozenset("\n\t")


def visible(text: str) -> str:
    """Return a text in which characters are escaped that hide, or that change their neighbours.

    Line breaks and tabs stay. Markup is not escaped: that is the task of the template.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each in _KEPT or each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def one_line(text: object) -> str:
    """Return a text without line breaks, in which control characters are escaped."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in str(text)
    )


def shortened(text: str, width: int) -> str:
    """Return at most `width` characters of a text."""
    return text if len(text) <= width else f"{text[: width - 1]}…"
