"""The outbox: approved replies, each sent at most once."""
