"""What travels: messages, labels, results, deliveries, and the values in them; no I/O."""
