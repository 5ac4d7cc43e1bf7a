"""One file for each verb; its docstring is its help."""
