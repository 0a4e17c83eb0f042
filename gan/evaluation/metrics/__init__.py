"""A metric is one file: a function `(real, fake) -> {name: value}` of `Features`, and a line in `gan/registry.py`."""
