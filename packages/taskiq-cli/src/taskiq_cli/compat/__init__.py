"""What taskiq 0.13 had: the worker's options as Python objects, and its entry-point group."""
