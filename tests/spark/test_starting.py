"""Which Java a session takes, and which Python its workers do."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys

import pytest

from hwpkho.errors import UsageError
from hwpkho.spark import starting


@pytest.fixture
def java(tmp_path):
    """Return a function that makes a Java of a version."""

    def made(version):
        home = tmp_path / f"java-{version}"
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "java").touch(0o755)
        (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
        return str(home)

    return made


def test_which_java(java, tmp_path):
    homes = [java(version) for version in ("11.0.2", "25.0.3", "21", "17.0.15", "1.8.0_292")]
    assert starting.java_home(homes) == homes[3]
    assert starting.java_home(homes[:3]) == homes[2]
    assert starting.java_home(homes[:2]) == homes[1]
    assert starting.java_home([homes[0], homes[4], str(tmp_path / "none")]) is None


@pytest.mark.parametrize("given", ["17.0.1", "11.0.2", None])
def test_what_the_session_gets(given, java, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(starting, "find_spec", lambda name: object())
    monkeypatch.setattr(starting, "_INSTALLED", ())
    monkeypatch.setattr(shutil, "which", lambda name: f"{java('21.0.1')}/bin/java")
    monkeypatch.setenv("PYSPARK_PYTHON", "mine")
    for name in ("JAVA_HOME", "PYSPARK_DRIVER_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv("JAVA_HOME", java(given))
    starting.prepare()
    assert os.environ["JAVA_HOME"].endswith("java-17.0.1" if given == "17.0.1" else "java-21.0.1")
    assert os.environ["PYSPARK_PYTHON"] == "mine"
    assert os.environ["PYSPARK_DRIVER_PYTHON"] == sys.executable


def test_what_is_missing(monkeypatch):
    monkeypatch.setattr(starting, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs PySpark: pip install 'hwpkho\[spark\]'"):
        starting.session()
    monkeypatch.setattr(starting, "find_spec", lambda name: object())
    monkeypatch.setattr(starting, "_INSTALLED", ())
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(UsageError, match="needs Java 17, 21 or 25: apt-get install default-jre-"):
        starting.session()
