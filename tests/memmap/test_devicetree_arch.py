"""What a device tree tells of its architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.mapfiles import Reader


@pytest.mark.parametrize("processor", ["nvidia,tegra132-denver", "apple,icestorm", "qcom,kryo385"])
def test_device_tree_of_arm64_by_its_processor(read: Reader, processor: str) -> None:
    found = read(
        "/dts-v1/;\n/ {\n #address-cells = <1>; #size-cells = <1>;\n"
        ' memory@80000000 { device_type = "memory"; reg = <0x80000000 0x40000000>; };\n'
        f' cpus {{ cpu@0 {{ compatible = "{processor}"; }}; }};\n}};\n'
    )
    assert (found.arch, found.arch_from) == ("arm64", "input")
