"""The workshop of the `krepis` command: what works on a project rather than serving it."""
