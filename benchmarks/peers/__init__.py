"""The routines that are compared, one module a package; each has a table ``ROUTINES``.

A routine takes the arrays and the settings of a case, imports what it needs, and returns the call that is to be timed;
or that call and a factor, where it does a part of the work and its seconds stand for so many times as much.
"""
