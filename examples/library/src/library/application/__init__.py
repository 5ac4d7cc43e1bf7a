"""What the library can do: one module per use case, and the ports that they reach the world through."""
