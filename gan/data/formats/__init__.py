"""How labelled images are stored: a file per format."""
