"""Makes a handover from a list of PFNs: plans where each page goes, and builds the pages.

:mod:`request` says what is wanted, :mod:`space` knows which page frames are free, :mod:`builder`
places and builds, :mod:`devicetree` tells the next kernel where it is.
"""
