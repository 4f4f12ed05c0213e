"""`python -m web` is the same as `ripplewatch`."""

from web.cli import main

if __name__ == "__main__":
    main()
