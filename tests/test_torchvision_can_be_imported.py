"""torchvision is imported in tests beside a torch for the processor alone, and costs nothing where it is not."""

from __future__ import annotations

import subprocess
import sys


def output(program: str) -> str:
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_a_process_that_does_not_need_it_does_not_load_torch() -> None:
    assert output("import sys; print('torch' in sys.modules, 'torchvision' in sys.modules)") == "False False"


def test_a_process_that_needs_it_can_import_it_and_resize_with_it() -> None:
    program = """
import warnings
warnings.simplefilter("default")
import torch, torchvision
print(tuple(torchvision.transforms.functional.resize(torch.zeros(1, 8, 8), [4, 4]).shape))
"""
    assert output(program) == "(1, 4, 4)"
