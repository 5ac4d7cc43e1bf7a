"""How the library meets the world: doors for HTTP, repositories on SQL, and in memory for tests."""
