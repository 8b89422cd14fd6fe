"""Names of taskiq 0.13 and of plugins written for it; nothing but package fronts imports them."""
