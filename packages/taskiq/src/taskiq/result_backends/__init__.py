"""Result backends, each in a module of its own."""
