"""Measure what a decision costs, beside what others cost in the same run. `make bench` runs `python -m benchmarks`."""
