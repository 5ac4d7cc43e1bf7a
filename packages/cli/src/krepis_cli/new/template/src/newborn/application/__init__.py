"""What the service can do: one module for each command and query, and `ports.py`, all that they need of the world."""
