"""The package as it is built, pinned and installed."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import claros

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]


def name(requirement: str) -> str:
    """The distribution's name in the one spelling that is compared."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


def pins(file: str) -> dict[str, str]:
    lines = [line for line in (ROOT / file).read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines), f"{file} pins exactly, and names no place"
    return {name(line): line.split("==")[1] for line in lines}


def needed(*groups: list[str]) -> set[str]:
    return {name(requirement) for group in groups for requirement in group} - {"claros"}


def test_everything_that_ci_installs_is_pinned() -> None:
    groups = PROJECT["dependency-groups"].values()
    wanted = needed(PROJECT["project"]["dependencies"], *EXTRAS.values(), *groups)
    assert wanted <= set(pins("constraints.txt"))


def test_the_lock_has_what_runs_and_nothing_that_only_tests() -> None:
    lock = pins("requirements.lock")
    assert needed(PROJECT["project"]["dependencies"], *EXTRAS.values()) <= set(lock)
    assert not {"pytest", "ruff", "mypy", "scikit-activeml"} & set(lock)
    constraints = pins("constraints.txt")
    assert {package: constraints[package] for package in lock} == lock


def test_the_makefile_and_the_constraints_pin_the_same_torch() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.findall(r"^TORCH := torch==(.*)$", makefile, re.MULTILINE) == [pins("constraints.txt")["torch"]]


def test_the_extra_all_is_all_of_them() -> None:
    (everything,) = EXTRAS["all"]
    named = re.fullmatch(r"claros\[(.*)\]", everything)
    assert named is not None
    assert set(named[1].split(",")) == set(EXTRAS) - {"all"}


def test_the_installed_version_is_that_of_the_code() -> None:
    try:
        installed = metadata.version("claros")
    except metadata.PackageNotFoundError:
        installed = claros.__version__  # the tests run on the source tree, with nothing installed
    assert installed == claros.__version__


def test_what_is_public_can_be_had_from_the_package_itself() -> None:
    for public in claros.__all__:
        assert getattr(claros, public).__doc__, f"claros.{public} needs a docstring"
    with pytest.raises(AttributeError, match="has no attribute 'strategie'"):
        claros.__getattr__("strategie")


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "src/claros/py.typed").is_file()


@pytest.mark.parametrize("script", [".ci/run", "lock.sh"])
def test_the_scripts_are_sound_shell(script: str) -> None:
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)
    assert (ROOT / script).stat().st_mode & 0o111, f"{script} must be executable"


def test_make_alone_lists_the_targets() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "lint", "slow", "bench", "report", "docs", "lock", "wheel"):
        assert re.search(rf"^make {target} +\S", listed, re.MULTILINE), target


def test_the_image_gets_every_file_that_building_the_package_needs() -> None:
    allowed = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    for file in " ".join(copied).split():
        assert f"!{file}" in allowed, f"{file} is kept out of the image by .dockerignore"
        assert (ROOT / file).exists(), file
