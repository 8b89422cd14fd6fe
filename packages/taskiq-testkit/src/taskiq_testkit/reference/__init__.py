"""The contract as a program: a small broker that keeps all of it, for reading and for comparing."""
