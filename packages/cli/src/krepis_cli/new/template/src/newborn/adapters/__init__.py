"""How the service meets the world: its doors, and what stands behind its ports."""
