"""``python -m synaptile``: the command line."""

from synaptile.cli import main

if __name__ == "__main__":
    main()
