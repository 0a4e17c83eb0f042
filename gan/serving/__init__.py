"""One trained generator as an HTTP server: what `serve.py` runs."""
