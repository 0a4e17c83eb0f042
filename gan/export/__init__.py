"""Trained generators in the forms of other programs; a format is a file here and a line in `gan/registry.py`."""
