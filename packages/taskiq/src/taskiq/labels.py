"""Labels as they travel."""

from taskiq_core.messages.labels import LabelType, parse_label, prepare_label

__all__ = ["LabelType", "parse_label", "prepare_label"]
