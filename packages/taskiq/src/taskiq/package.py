"""Empty, as it was in taskiq 0.13; the version is `taskiq.__version__`."""
