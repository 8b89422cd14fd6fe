"""CBOR (RFC 8949): binary, with dates, decimals, UUIDs and sets of its own."""

from collections.abc import Callable
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.serializers.plain import to_plain
from taskiq_serializers.libraries import load_library

if TYPE_CHECKING:
    from cbor2 import CBORDecoder


_DEPTH = 390
"""Below what cbor2 refuses to read, which is 400; it writes more."""
_OTHER_THAN_CONTAINERS = bytes({*range(0x80), *range(0xDC, 0x100)})
"""What begins no array, map or tag; much of what stays is text that is not ASCII."""


class CBORSerializer(TaskiqSerializer):
    """CBOR by the library cbor2; the options are its own.

    Args:
        datetime_as_timestamp: whether datetimes are numbers instead of text.
        timezone: of datetimes that have none; they are refused if it is None.
        value_sharing: whether what occurs twice is written once; allows cyclic structures.
        default: called with the encoder and what it can't express.
        canonical: whether equal values always become equal bytes.
        date_as_datetime: whether dates become datetimes at midnight, if there is a `timezone`.
        string_referencing: whether a text that occurs twice is written once.
        tag_hook: called with the decoder and tags that it does not know.
        object_hook: called with the decoder and each dict.

    Raises:
        SerializerLibraryMissingError: cbor2 is not installed.
    """

    def __init__(
        self,
        datetime_as_timestamp: bool = True,
        timezone: tzinfo | None = None,
        value_sharing: bool = False,
        default: Callable[[Any, Any], Any] | None = None,
        canonical: bool = False,
        date_as_datetime: bool = True,
        string_referencing: bool = True,
        tag_hook: "Callable[[CBORDecoder, Any], Any] | None" = None,
        object_hook: "Callable[[CBORDecoder, dict[Any, Any]], Any] | None" = None,
    ) -> None:
        self.datetime_as_timestamp = datetime_as_timestamp
        self.timezone = timezone
        self.value_sharing = value_sharing
        self.default = default
        self.canonical = canonical
        self.date_as_datetime = date_as_datetime
        self.string_referencing = string_referencing
        self.tag_hook = tag_hook
        self.object_hook = object_hook
        self._cbor2 = load_library("cbor2", serializer=type(self).__name__, extra="cbor")

    def dumpb(self, value: Any) -> bytes:
        """The value as CBOR; raises ValueError for what it can't express, or not read again."""
        try:
            data: bytes = self._cbor2.dumps(
                value,
                datetime_as_timestamp=self.datetime_as_timestamp,
                timezone=self.timezone,
                value_sharing=self.value_sharing,
                default=self.default or _encode_plain,
                canonical=self.canonical,
                # A date has no time zone: without a default one it can't become a datetime.
                date_as_datetime=self.date_as_datetime and self.timezone is not None,
                string_referencing=self.string_referencing,
            )
        except self._cbor2.CBOREncodeError as error:
            raise ValueError(str(error)) from error
        if len(data) >= _DEPTH and len(data.translate(None, _OTHER_THAN_CONTAINERS)) >= _DEPTH:
            self._require_readable(data)
        return data

    def loadb(self, value: bytes) -> Any:
        """The value of CBOR bytes."""
        return self._cbor2.loads(value, tag_hook=self.tag_hook, object_hook=self.object_hook)

    def _require_readable(self, data: bytes) -> None:
        try:
            self.loadb(data)
        except self._cbor2.CBORDecodeError as error:
            raise ValueError(f"it could be written, but not be read again: {error}") from error


def _encode_plain(encoder: Any, value: Any) -> None:
    encoder.encode(to_plain(value))
