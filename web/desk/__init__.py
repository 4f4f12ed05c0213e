"""The desk: the inbox, a case and all that may be done about it, incidents, and what nobody saw to."""
