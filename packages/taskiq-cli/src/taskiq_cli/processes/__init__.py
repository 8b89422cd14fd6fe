"""What the supervisor and the processes that it starts share: how they start, watch and log."""
