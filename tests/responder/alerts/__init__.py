"""Tests of responder/alerts."""
