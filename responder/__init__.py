"""Answers: priority, cases, drafts, permission, and the outbox that sends once."""
