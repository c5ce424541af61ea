"""Benchmarks that print ratios: each row of the city beside its yardstick, measured in the same run on the same machine."""
