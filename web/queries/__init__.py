"""Read-only SQL for pages. Nothing here writes."""
