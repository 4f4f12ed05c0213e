"""The commands of `ripplewatch`, one file per noun; `web/cli.py` says which stands where."""
