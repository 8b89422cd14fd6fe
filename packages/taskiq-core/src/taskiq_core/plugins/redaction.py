"""Secrets in URLs, and texts without them."""

import re
from typing import Final
from urllib.parse import unquote

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SECRET_OPTIONS: Final = frozenset({"password", "passwd", "pwd", "secret", "token"})
_MISTYPED_SCHEME: Final = re.compile(r"[A-Za-z0-9+.-]*[:;]?/+|[A-Za-z0-9+.-]*:(?=[^@]*:)")
_CREDENTIALS: Final = re.compile(r"(:(?://[^\s:@/]*:)?)(?!//)\S+(?=@)")
_MASK: Final = "***"


def scheme_of(url: str) -> str | None:
    """The scheme of a URL in lower case; None if it has none."""
    match = _SCHEME.match(url.strip())
    return match[1].lower() if match else None


def secrets_in(url: str) -> frozenset[str]:
    """The password and the secret options of a URL, as written and percent-decoded."""
    # By hand, because urlsplit refuses the malformed URLs of which errors are about.
    after_scheme = url.partition("://")[2] or _MISTYPED_SCHEME.sub("", url)
    authority = re.split(r"[/?#]", after_scheme, maxsplit=1)[0]
    # A password with an unescaped "/" or "?" is a mistake, and a secret nonetheless.
    userinfo = (authority if "@" in authority else after_scheme).rpartition("@")[0]
    written = {userinfo.partition(":")[2], *_secret_options(url)}
    return frozenset(secret for secret in written | {unquote(one) for one in written} if secret)


def redacted(text: str, secrets: frozenset[str]) -> str:
    """A text with secrets masked, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def without_credentials(text: str) -> str:
    """A text with what may be a password masked: all between a colon and an at sign.

    For texts that may quote any URL, mistyped ones as well; of a known URL, `secrets_in` is exact.
    """
    return _CREDENTIALS.sub(rf"\1{_MASK}", text) if "@" in text else text


def _secret_options(url: str) -> set[str]:
    query = url.partition("?")[2].partition("#")[0]
    pairs = (pair.partition("=") for pair in query.split("&"))
    return {value for name, _, value in pairs if name.lower() in _SECRET_OPTIONS}
