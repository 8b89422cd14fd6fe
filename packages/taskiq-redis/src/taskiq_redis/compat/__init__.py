"""The names and signatures of taskiq-redis 1.x; only the front of the package imports them."""
