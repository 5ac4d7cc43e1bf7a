"""What S2 answers beside its arguments."""

TAGS = ["alpha", "beta", "gamma", "delta", "omega"]
