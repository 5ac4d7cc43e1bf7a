"""The frame of a project: all that stands around its domain, its handlers and its tables."""
