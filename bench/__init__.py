"""Measured comparisons, each runnable by itself; `python -m bench` prints them as one table."""
