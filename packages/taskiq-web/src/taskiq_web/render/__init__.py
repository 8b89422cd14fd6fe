"""Values as text and as pictures; all of it is untrusted."""
