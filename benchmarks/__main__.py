"""``python -m benchmarks``: see README.md."""

from benchmarks.selection import main

if __name__ == "__main__":
    main()
