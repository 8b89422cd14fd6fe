"""The `taskiq` command; the command itself is in taskiq-cli."""
