"""Lets torchvision be imported beside a torch that it was not built for, as on CI: torch for the processor alone.

There its compiled operators cannot be loaded, and registering the shapes of two of them fails. Their schemas are
declared just before torchvision is imported, if it is and if its own library does not declare them: a process that
never imports torchvision pays nothing. Python runs this file at the start of every process that has its folder on
PYTHONPATH; the tests' conftest puts it there.
"""

import importlib.abc
import importlib.machinery
import sys

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries = []  # a library that is collected takes its operators with it


class _Watch(importlib.abc.MetaPathFinder):
    """Waits for torchvision's own library to have had its chance, and declares what it did not."""

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision._meta_registrations":  # imported right after the attempt to load the library
            sys.meta_path.remove(self)
            declare()
        return


def declare():
    import torch

    for schema in SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.partition("(")[0]):
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(schema)
            _libraries.append(library)


def install():
    """Watch for the import of torchvision, once a process."""
    if not any(type(finder).__name__ == "_Watch" for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


install()
