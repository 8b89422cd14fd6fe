"""The health of the workers: state files, the health document, its server and its client."""
