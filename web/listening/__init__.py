"""Listening: sources, their set-up and their health, queries, and the proof that nothing is missing."""
