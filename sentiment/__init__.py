"""Understands: the model, and the one place where its verdicts become rows."""
