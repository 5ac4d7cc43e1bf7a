"""HTTP doors: one line binds a message to a method and a path."""

from krepis.http.doors import Doors, Envelope, Errors, Limits, Listing, body, cookie, header, path, query

__all__ = ("Doors", "Envelope", "Errors", "Limits", "Listing", "body", "cookie", "header", "path", "query")
