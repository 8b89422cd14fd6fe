"""`taskiq scheduler` for programs."""
