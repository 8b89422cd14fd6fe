"""The command of this package; it runs in the program of taskiq-cli."""
