"""Tests mirror the tree; tests/flow is one mention from end to end."""
