"""A service that keeps notes: the first use case, to be replaced by yours."""
