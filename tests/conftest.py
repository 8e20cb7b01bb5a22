"""What all tests share: torchvision can be imported, here and in every process that a test starts; helper modules."""

import importlib.util
import os
import sys
from pathlib import Path

SITE = Path(__file__).parent / "site"
sys.path.append(str(Path(__file__).parent))

_paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != str(SITE)]
os.environ["PYTHONPATH"] = os.pathsep.join([str(SITE), *_paths])

_spec = importlib.util.spec_from_file_location("claros_tests_site", SITE / "sitecustomize.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Doctests are looked for in the package; of the files here, only tests are collected."""
    ours = Path(__file__).parent in collection_path.parents and collection_path.suffix == ".py"
    return True if ours and not collection_path.name.startswith("test_") else None
