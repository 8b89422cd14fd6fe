"""The supervisor, as the processes that it has started see it."""
