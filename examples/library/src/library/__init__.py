"""A lending library: members, books and their copies, loans, reservations, fines and staff."""
