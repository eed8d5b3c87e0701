"""``python -m hdf``, as PyTorch's launcher starts it."""

from hdf.cli.main import main

if __name__ == "__main__":
    main()
