"""What the service knows and decides: immutable values and pure functions. No I/O, no clock, no chance."""
