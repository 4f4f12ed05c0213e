"""Insight: what is said of a brand over time, how it is answered, and how right the model is."""
