"""Where a run computes: strategy, cluster, precision, and the memory of a device."""
