from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What is found where timm is installed and broken."""
    broken = tmp_path_factory.mktemp("broken") / "timm"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('operator is missing\\nmore lines')")
    path = os.pathsep.join([str(broken.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "claros", "doctor", "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path})
    return json.loads(answer.stdout)


def test_it_says_what_python_and_the_packages_themselves_say(found: Any) -> None:
    assert found["python"] == platform.python_version()
    assert found["cores"] == os.cpu_count()
    versions = {package["name"]: package["version"] for package in found["core"]}
    assert versions["numpy"] == metadata.version("numpy")


def test_every_dependency_and_every_extra_of_the_project_is_there(found: Any) -> None:
    def name(requirement: str) -> str:
        return requirement.split(">")[0].split("[")[0]

    assert {package["name"] for package in found["core"]} == {name(line) for line in PROJECT["dependencies"]}
    extras = {extra: lines for extra, lines in PROJECT["optional-dependencies"].items() if extra != "all"}
    assert set(found["extras"]) == set(extras)
    for extra, lines in extras.items():
        assert {package["name"] for package in found["extras"][extra]["packages"]} == {name(line) for line in lines}


def test_a_package_that_is_installed_but_broken_is_reported_as_such(found: Any) -> None:
    packages = {package["name"]: package for package in found["extras"]["vision"]["packages"]}
    assert packages["timm"]["version"] == metadata.version("timm")
    assert packages["timm"]["problem"] == "is installed but cannot be imported: RuntimeError: operator is missing"
    assert packages["torchvision"]["problem"] is None


def test_what_an_extra_would_add_comes_with_its_install_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from claros.cli import main

    version = metadata.version

    def without_torch(name: str) -> str:
        if name in ("torch", "torchvision", "timm", "transformers", "accelerate", "keras"):  # what needs torch, too
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without_torch)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "pip install 'claros[torch]' adds torch\n" in said
    assert "pip install 'claros[vision]' adds timm, torchvision\n" in said
    assert "pip install 'claros[sklearn]'" not in said
    assert "cannot be imported" not in said
