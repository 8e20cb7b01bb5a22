"""The strategy of CONTRIBUTING.md, saved and tested as that page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_strategy_on_the_page_passes_the_contract_suite_and_its_own_test(tmp_path: Path) -> None:
    strategy, line, test = BLOCKS
    assert len(strategy.splitlines()) <= 40
    name, module = re.findall(r'"(\w+)": "claros\.strategies\.(\w+):\w+",\n', line)[0]
    assert f"src/claros/strategies/{module}.py" in PAGE
    assert f"def {name}(" in strategy
    (tmp_path / f"{module}.py").write_text(strategy, encoding="utf-8")
    (tmp_path / f"test_{module}.py").write_text(test, encoding="utf-8")
    # One more module and one more line of the table, as if they were in the package, whose folder is left as it is.
    (tmp_path / "conftest.py").write_text(
        "import claros.strategies\n"
        f"claros.strategies.__path__.append({str(tmp_path)!r})\n"
        f"claros.strategies.REGISTRY._table.update({{{line.strip()}}})\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--doctest-modules", "-W", "error"]
    answer = subprocess.run(
        [*command, "--tb=line", f"--rootdir={tmp_path}", f"{tmp_path}/{module}.py", f"{tmp_path}/test_{module}.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])},
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    passed = re.search(r"(\d+) passed", answer.stdout)
    assert passed is not None
    assert int(passed[1]) > 10, "the contract suite ran"
    assert f"{module}.py ." in answer.stdout, "the example in the docstring ran"
    assert "skipped" not in answer.stdout


def test_the_layers_on_the_page_are_those_that_are_tested() -> None:
    from test_architecture import LEVEL

    listed = re.findall(r"^([a-z, ]+?) {3,}", re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0], re.MULTILINE)
    levels = [[LEVEL[name] for name in line.split(", ")] for line in listed]
    assert all(len(set(level)) == 1 for level in levels)
    assert [level[0] for level in levels] == sorted({level[0] for level in levels})
