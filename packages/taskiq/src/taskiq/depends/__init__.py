"""Dependencies that tasks can ask for, each in a module of its own."""
