"""The three networks: generator, critic, classifier. Each is built from an `ImageSpec` and a `Config`."""
