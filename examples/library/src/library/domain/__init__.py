"""What the library knows and decides: immutable values and pure functions. Time and ids come in as arguments."""
