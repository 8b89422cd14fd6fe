"""The process from which workers are forked, so that they share the memory of what it imported."""
