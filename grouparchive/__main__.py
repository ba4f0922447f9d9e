"""`python -m grouparchive`: the command line without its script."""

from grouparchive.cli import main

if __name__ == "__main__":
    main()
