"""What SpoolBroker can do, in one place for the class and its spec."""

from taskiq_core.plugins import Capability

CAPABILITIES = frozenset(map(Capability, ("ack", "release", "lease", "delay", "dead_letter")))
