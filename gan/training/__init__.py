"""Losses, replicas, checkpoints, records, and the two trainers."""
