"""Hostile input: mutations of valid data, made from a seed, and what must hold for each."""
