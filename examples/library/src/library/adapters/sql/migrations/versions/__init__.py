"""Revisions of the database, in order; `krepis db upgrade` runs them."""
