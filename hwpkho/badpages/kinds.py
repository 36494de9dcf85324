"""What is known about a bad page."""

from __future__ import annotations

from typing import Literal, get_args

#: What is known about a bad page. ``poisoned``: the kernel called memory_failure() for it, with
#: whatever result; ``soft-offlined``: it was taken out of use before it failed; ``uncorrected``: an
#: error was reported, but not that the page was taken out of use; ``excluded``: a setting or
#: firmware keeps the kernel from using it; ``corrected``: the page works.
Kind = Literal["poisoned", "soft-offlined", "uncorrected", "excluded", "corrected"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: The kinds that make a page bad, unless the user asks for others.
BAD: frozenset[Kind] = frozenset(KINDS) - {"corrected"}
