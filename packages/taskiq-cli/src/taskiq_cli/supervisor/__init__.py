"""The process that starts, watches and stops the workers; it imports neither them nor click."""
