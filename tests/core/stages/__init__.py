"""Stages made for tests: they work as the real ones do, on ids that mean nothing."""
