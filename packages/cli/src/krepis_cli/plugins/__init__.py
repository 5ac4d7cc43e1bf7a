"""Verbs of other packages, each run in a process of its own: docs/plugins.md is the protocol.

What a plugin can do to the command is say something. Its crash, its silence and its noise are errors of its verb; what
it wants to change in the project it proposes, and the command does it through the operation log. Nothing is imported
here: the index of verbs looks for `krepis_cli.plugins.verb`, and that loads this package.
"""
