"""`python -m stream` is `kizuna`."""

from stream.cli.main import main

if __name__ == "__main__":
    main()
