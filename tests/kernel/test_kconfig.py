"""Our reading of a tree's Kconfig files against the configuration that Kconfig itself made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel import kconfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kernel import rig


@pytest.mark.parametrize("kind", ["arm64-4k", "arm64-16k", "arm64-64k", "x86_64"])
def test_every_option_is_known_and_its_conditions_hold(
    kernel_of: Callable[[str], rig.Kernel], kind: str
) -> None:
    kernel = kernel_of(kind)
    config = (kernel.folder / "config").read_text()
    tree = kconfig.Tree(kernel.source, "x86" if kernel.arch == "x86_64" else kernel.arch)
    values = kconfig.values_of(config)
    off = kconfig.unset_in(config)
    assert len(values) > 400
    assert [name for name in (*values, *off) if name not in tree.options] == []
    assert [name for name in values if not tree.may_be_on(name, values)] == []
    # What Kconfig offered and is off has nothing in its way.
    assert [name for name in off if not tree.may_be_on(name, values)] == []
