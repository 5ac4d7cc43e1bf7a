"""Expressions of the language as Python that a person would write."""

from krepis_generator.python.printer import Printer, Rows

__all__ = ("Printer", "Rows")
