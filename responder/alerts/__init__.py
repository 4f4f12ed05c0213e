"""Alerts: who hears of what, where, and what was delivered."""
