"""Which strategies are worth their labels: the same protocol on many data sets; see README.md."""
