"""Spikes and spread."""
