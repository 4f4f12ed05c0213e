"""Shows: the pages (app.py) and the command line (cli.py). This imports neither, so that no command pays for pages."""
