"""The side of the caller: from a decorated function to a sent message and the handle on it."""
