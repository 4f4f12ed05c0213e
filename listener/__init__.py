"""Hears: sources, queries, and the one place where what they give becomes rows."""
