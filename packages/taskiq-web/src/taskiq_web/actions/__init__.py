"""What viewers may change, and what speaks against it."""
