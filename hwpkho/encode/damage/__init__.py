"""Breaks a handover in one way, to test readers of handovers.

:mod:`draft` is a handover that was placed and can still be changed, :mod:`base` says what a damage
is and what it may need, :mod:`registry` lists them all, :mod:`breaking` does one.
"""
