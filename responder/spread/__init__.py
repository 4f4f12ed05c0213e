"""Spread: posts that are passed on, watched for as long as they move."""
