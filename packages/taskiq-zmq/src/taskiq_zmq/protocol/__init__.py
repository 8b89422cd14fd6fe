"""What clients and workers say to each other: records, their bytes, and batches of them."""
