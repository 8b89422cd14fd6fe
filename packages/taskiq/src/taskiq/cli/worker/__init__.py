"""`taskiq worker` for programs."""
