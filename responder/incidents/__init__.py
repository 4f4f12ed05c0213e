"""Incidents: many cases, one fault; who has it, what is told outside, and what is learned of it."""
