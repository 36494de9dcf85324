"""Breaks a handover in one way, for people who test what reads handovers.

:mod:`draft` is a handover that was placed and can still be changed, :mod:`base` says what a damage
is and what it may need, :mod:`registry` knows them all, :mod:`breaking` does one.
"""
