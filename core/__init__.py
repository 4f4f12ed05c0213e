"""The ground that all stages stand on: values, rows, settings, clock, queue. Imports nothing of ours."""
