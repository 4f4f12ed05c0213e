"""Checks: whether we may answer at all, and what a reply must not say."""
