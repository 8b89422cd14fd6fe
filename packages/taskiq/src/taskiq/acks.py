"""When and how messages are acknowledged."""

from taskiq_core.messages.acks import (
    AckableMessage,
    AckController,
    AcknowledgeType,
    parse_acknowledge_type,
)

__all__ = ["AckController", "AckableMessage", "AcknowledgeType", "parse_acknowledge_type"]
