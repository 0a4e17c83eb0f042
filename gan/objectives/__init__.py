"""What critic and generator minimise, and what they are shown."""
