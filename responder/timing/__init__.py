"""Timing: when an answer is due, in the brand's own hours, and when to ask whether all is well."""
