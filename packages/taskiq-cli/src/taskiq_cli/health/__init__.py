"""The health of all workers of one `taskiq worker`, and the process that tells it to probes."""
