"""HTTP doors: one line binds a message to a method and a path."""

from krepis.http.doors import (
    Doors,
    Envelope,
    Errors,
    Limits,
    Listing,
    body,
    client_address,
    cookie,
    form_file,
    header,
    path,
    query,
    upload,
)
from krepis.http.streamed import StreamLimits

__all__ = (
    "Doors",
    "Envelope",
    "Errors",
    "Limits",
    "Listing",
    "StreamLimits",
    "body",
    "client_address",
    "cookie",
    "form_file",
    "header",
    "path",
    "query",
    "upload",
)
