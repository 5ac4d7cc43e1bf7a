"""The exit codes of the command; what they mean stands in `krepis.verbs`."""

DONE = 0
NO = 1
WRONG_USE = 2
OPEN = 3
