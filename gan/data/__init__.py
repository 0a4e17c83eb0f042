"""Labelled images: readers, the built-in data set, and batches that are a function of seed and step."""
