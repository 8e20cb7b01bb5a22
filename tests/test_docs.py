"""The documentation is what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def generated() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pages: dict[str, str] = module.pages()
    return pages


@pytest.mark.parametrize("name", ["strategies.md", "stopping.md", "estimates.md", "inputs.md", "models.md"])
def test_the_reference_is_not_stale(name: str) -> None:
    assert (ROOT / "docs/reference" / name).read_text() == generated()[name], "run `make docs`"


def test_no_link_in_the_documentation_is_broken() -> None:
    broken = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/data.md",
        "docs/models.md",
        "docs/tracking.md",
        "docs/bench.md",
        "docs/stopping.md",
        "docs/label_shift.md",
        "docs/from_dalmax.md",
        "docs/learned.md",
        "docs/reproducibility.md",
        "docs/from_mdalth.md",
        "docs/from_modal.md",
        "docs/from_small_text.md",
    ],
)
def test_every_python_example_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    assert len(blocks) >= 1
    for place, block in enumerate(blocks):
        exec(compile(block, f"{page}, example {place + 1}", "exec"), {"__name__": "example"})


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop().resolve()
        seen.add(page)
        targets = [target for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()) if "://" not in target]
        left += [page.parent / target for target in targets if target.endswith(".md")]
        left = [other for other in left if other.resolve() not in seen and other.exists()]
    assert not {page.resolve() for page in (ROOT / "docs").rglob("*.md")} - seen
