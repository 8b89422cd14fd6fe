"""Mutator: hostile variants of valid JSON and of valid bytes, the same ones for the same seed."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from taskiq_testservers.hostile.canary import pickles, record_texts

MEGABYTE: Final = 1 << 20
DEEP: Final = 100_000
MARK: Final = "\u0001here\u0001"
Fragments = dict[str, Callable[[], bytes]]


def encode_json(document: Any) -> bytes:
    """A document as JSON."""
    return json.dumps(document).encode()


def _always(data: bytes) -> Callable[[], bytes]:
    return lambda: data


CHEAP: Final[dict[str, bytes]] = {
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "huge float": b"1e999",
    "null": b"null",
    "bool": b"true",
    "list": b"[]",
    "object": b"{}",
    "number": b"-7",
    "float": b"0.1",
    "big integer": b"9" * 400,
    "2**63": b"9223372036854775808",
    "lone surrogate": b'"\\ud800"',
    "lone low surrogate": b'"a\\udfffb"',
    "not UTF-8": b'"\xff\xfe\xc3("',
    "overlong UTF-8": b'"\xc0\xaf"',
    "NUL": b'"\\u0000"',
    "control characters": b'"\\u001b[2J\\u0007\\r\\n\\u202e"',
    "raw control character": b'"\x00\x1b\x07"',
    "empty text": b'""',
    "duplicate keys": b'{"a": 1, "a": [2], "a": {"a": 3}}',
    "odd keys": b'{"": 1, "\\ud800": 2, "__class__": "x", "__proto__": {}}',
    "format text": b'"%s%n{0.__class__}{}"',
    "path": b'"../../../../etc/passwd"',
    "date": b'"0000-00-00T99:99:99Z"',
    "date far away": b'"9999-12-31T23:59:59.999999+23:59"',
    "not JSON": b"{'a': undefined}",
    "comment": b"/* */ 1",
    "nothing": b"",
    "comma": b",",
    "wrong label types": b'{"timeout": [], "delay": {}, "priority": "x", "expires": null}',
}
DEAR: Final[dict[str, Callable[[], bytes]]] = {
    "nested lists": lambda: b"[" * DEEP + b"]" * DEEP,
    "nested objects": lambda: b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "open lists": lambda: b"[" * DEEP,
    "a million digits": lambda: b"7" * 1_000_000,
    "a million decimals": lambda: b"0." + b"7" * 1_000_000,
    "an exponent of a million digits": lambda: b"1e" + b"7" * 1_000_000,
    "text of 70,000 letters": lambda: b'"' + b"i" * 70_000 + b'"',
    "100,000 keys": lambda: b"{" + b",".join(b'"%d":%d' % (n, n) for n in range(DEEP)) + b"}",
    "100,000 items": lambda: b"[" + b",".join([b"1"] * DEEP) + b"]",
}

CBOR: Final[Fragments] = {
    "nested lists": lambda: b"\x81" * DEEP + b"\x80",
    "nested objects": lambda: b"\xa1\x61a" * DEEP + b"\x80",
    "endless lists": lambda: b"\x9f" * DEEP,
    "nested tags": lambda: b"\xc1" * DEEP + b"\x01",
    "list that claims 2**64 items": _always(b"\x9b" + b"\xff" * 8),
    "bytes that claim 2**62": _always(b"\x5b\x3f" + b"\xff" * 7),
    "text that claims 2**31": _always(b"\x7a\x7f\xff\xff\xff"),
    "object that claims 2**32": _always(b"\xba\xff\xff\xff\xff"),
    "text of chunks": lambda: b"\x7f" + b"\x61a" * 10_000 + b"\xff",
    "large integer": lambda: b"\xc2\x5a\x00\x0f\x42\x40" + b"\xff" * 1_000_000,
    "decimal with a huge exponent": _always(b"\xc4\x82\x1b\x7f" + b"\xff" * 7 + b"\x01"),
    "bigfloat with a huge exponent": _always(b"\xc5\x82\x1a\x3b\x9a\xca\x00\x01"),
    "fraction by zero": _always(b"\xd8\x1e\x82\x01\x00"),
    "reference to itself": _always(b"\xd8\x1c\x81\xd8\x1d\x00"),
    "reference to nothing": _always(b"\xd8\x1d\x19\xff\xff"),
    "regular expression": _always(b"\xd8\x23\x67(a+)+b$"),
    "MIME message": _always(b"\xd8\x24\x63a:b"),
    "address": _always(b"\xd9\x01\x04\x44abcd"),
    "uuid of one byte": _always(b"\xd8\x25\x41a"),
    "date": _always(b"\xc0\x6499-9"),
    "timestamp far away": _always(b"\xc1\xfb\x7e\x37\xe4\x3c\x88\x00\x75\x9c"),
    "set of lists": _always(b"\xd9\x01\x02\x81\x80"),
    "unknown tag": _always(b"\xda\xff\xff\xff\xff\x01"),
    "object as key": _always(b"\xa1\xa0\x01"),
    "not UTF-8": _always(b"\x62\xff\xfe"),
    "NaN": _always(b"\xf9\x7e\x00"),
    "undefined": _always(b"\xf7"),
    "break": _always(b"\xff"),
    "reserved": _always(b"\x1c"),
    "null": _always(b"\xf6"),
    "number": _always(b"\x07"),
    "text of 70,000 letters": lambda: b"\x7a\x00\x01\x11\x70" + b"i" * 70_000,
    "control characters": _always(b"\x63\x00\x1b\x07"),
}
"""Hostile values in CBOR."""
MSGPACK: Final[Fragments] = {
    "nested lists": lambda: b"\x91" * DEEP + b"\x90",
    "nested objects": lambda: b"\x81\xa1a" * DEEP + b"\x90",
    "list that claims 2**32 items": _always(b"\xdd\xff\xff\xff\xff"),
    "object that claims 2**32": _always(b"\xdf\xff\xff\xff\xff"),
    "bytes that claim 2**32": _always(b"\xc6\xff\xff\xff\xff"),
    "text that claims 2**31": _always(b"\xdb\x7f\xff\xff\xff"),
    "extension": _always(b"\xd4\x05a"),
    "timestamp": _always(b"\xd6\xff\x00\x00\x00\x01"),
    "timestamp far away": _always(b"\xc7\x0c\xff\x00\x00\x00\x00\x7f" + b"\xff" * 7),
    "timestamp of two bytes": _always(b"\xd5\xff\x00\x00"),
    "extension that claims 2**32": _always(b"\xc9\xff\xff\xff\xff\x05"),
    "2**64 - 1": _always(b"\xcf" + b"\xff" * 8),
    "list as key": _always(b"\x81\x90\x01"),
    "not UTF-8": _always(b"\xa2\xff\xfe"),
    "NaN": _always(b"\xcb\x7f\xf8" + bytes(6)),
    "never used": _always(b"\xc1"),
    "null": _always(b"\xc0"),
    "number": _always(b"\x07"),
    "text of 70,000 letters": lambda: b"\xdb\x00\x01\x11\x70" + b"i" * 70_000,
    "control characters": _always(b"\xa3\x00\x1b\x07"),
}
"""Hostile values in MessagePack."""
BINARY_FRAGMENTS: Final = {"cbor": CBOR, "msgpack": MSGPACK}


class Mutator:
    """Makes hostile variants.

    The first ones are each kind of fragment once, so that a short run has them, too.

    Args:
        rng: makes the choices.
        largest: bytes of the largest text.
        encode: makes bytes of a document.
        fragments: hostile values as bytes of the format; those of JSON by default.
    """

    def __init__(
        self,
        rng: Random,
        *,
        largest: int,
        encode: Callable[[Any], bytes] = encode_json,
        fragments: Fragments | None = None,
    ) -> None:
        self._rng = rng
        self._encode = encode
        self._mark = encode(MARK)
        self._cheap = [(kind, _always(data)) for kind, data in CHEAP.items()]
        self._dear = [
            *DEAR.items(),
            ("large text", lambda: b'"' + b"x" * largest + b'"'),
            *(("record", _always(data)) for data in record_texts()),
        ]
        if fragments is not None:
            self._cheap = self._dear = list(fragments.items())
        self._queue = [*self._cheap, *self._dear]

    def of_document(self, valid: Any) -> tuple[str, bytes]:
        """A hostile variant of a document in the format, with its kind."""
        if self._queue:
            kind, make = self._queue.pop()
            return f"value: {kind}", self._with_fragment(valid, make())
        choice = self._rng.random()
        if choice < 0.45:
            kind, make = self._rng.choice(self._cheap if choice < 0.445 else self._dear)
            return f"value: {kind}", self._with_fragment(valid, make())
        if choice < 0.6:
            return "keys", self._with_other_keys(valid)
        return self.of_bytes(self._encode(valid))

    def of_bytes(self, valid: bytes) -> tuple[str, bytes]:  # noqa: C901, PLR0911  # a table
        """A hostile variant of any bytes, with its kind."""
        rng = self._rng
        start, end = sorted((rng.randrange(len(valid) + 1), rng.randrange(len(valid) + 1)))
        match rng.randrange(9):
            case 0:
                return "bytes flipped", self._flipped(valid)
            case 1:
                return "cut off", valid[:end]
            case 2:
                return "part left out", valid[:start] + valid[end:]
            case 3:
                return "part twice", valid[:end] + valid[start:]
            case 4:
                return "random bytes inside", valid[:start] + rng.randbytes(end - start) + valid[
                    end:
                ]
            case 5:
                return "random bytes", rng.randbytes(rng.choice((0, 1, 7, 64, 1_000)))
            case 6:
                return "pickle", rng.choice(pickles())
            case 7:
                return "appended", valid + rng.choice((b"\0", b"\n{}", b"garbage", valid))
            case _:
                return "number of bytes changed", self._with_other_size(valid)

    def _with_fragment(self, valid: Any, fragment: bytes) -> bytes:
        """The document with a fragment, which may be invalid, in place of any value in it."""
        document = json.loads(json.dumps(valid))
        place = self._rng.choice(list(_places(document)))
        if place is None:
            return fragment
        container, key = place
        container[key] = MARK
        return self._encode(document).replace(self._mark, fragment)

    def _with_other_keys(self, valid: Any) -> bytes:
        document = json.loads(json.dumps(valid))
        objects = [
            value
            for place in _places(document)
            if isinstance(value := document if place is None else place[0][place[1]], dict)
        ]
        target = self._rng.choice([each for each in objects if each] or [{}])
        for key in self._rng.sample(sorted(target), self._rng.randint(0, len(target))):
            value = target.pop(key)
            if self._rng.random() < 0.7:
                target[key[: self._rng.randrange(len(key) + 1)] + "x"] = value
        return self._encode(document)

    def _flipped(self, valid: bytes) -> bytes:
        changed = bytearray(valid)
        for _ in range(self._rng.randint(1, 8)):
            if changed:
                changed[self._rng.randrange(len(changed))] = self._rng.randrange(256)
        return bytes(changed)

    def _with_other_size(self, valid: bytes) -> bytes:
        """Bytes that a binary format may read as a size."""
        changed = bytearray(valid)
        at = self._rng.randrange(len(changed) + 1)
        changed[at : at + 4] = self._rng.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4)))
        return bytes(changed)


def _places(document: Any) -> "Sequence[tuple[Any, Any] | None]":
    """Each value of a document, by its container and key; None for the document itself."""
    found: list[tuple[Any, Any] | None] = [None]
    waiting = [document]
    while waiting:
        container = waiting.pop()
        keys: Sequence[Any] = ()
        if isinstance(container, dict):
            keys = list(container)
        elif isinstance(container, list):
            keys = range(len(container))
        for key in keys:
            found.append((container, key))
            waiting.append(container[key])
    return found
