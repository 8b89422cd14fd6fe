"""What pages show: read from the broker, independent of HTTP."""
