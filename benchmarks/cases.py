"""The cases: what is timed, on which arrays, beside whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.sizes import Size

__all__ = ["CASES", "HERE", "NAMES", "Case", "shown"]

#: What peers are called, and what the floors are.
NAMES = {
    "scikit_activeml": "scikit-activeml",
    "small_text": "small-text",
    "modal": "modAL",
    "scikit_learn": "scikit-learn",
    "apricot": "apricot-select",
    "submodlib": "submodlib-py",
    "idioms": "idiom",
    "floor:labeled_and_picked": "floor: one product with labeled and picked",
    "floor:labeled": "floor: one product with labeled",
    "floor:picked": "floor: one product with the picks",
    "floor:pairs": "floor: the product of all pairs",
    "floor:read": "floor: one read",
    "floor:sweeps": "floor: one read a pick",
    "floor:logs": "floor: the logarithms",
    "floor:batch_bald": "floor: products and logarithms",
    "floor:bait": "floor: quadratic forms and updates",
}

#: What runs in the interpreter that has Claros; all others run in the peers'.
HERE = {"claros", "floor", "idioms", "reference"}


def shown(row: str) -> str:
    """How a row ``package:routine`` reads in a table."""
    if row in NAMES:
        return NAMES[row]
    package, _, routine = row.partition(":")
    name, said = NAMES.get(package, package), routine.replace("_", " ")
    return f"{name}, {said}" if said else name


@dataclass(frozen=True)
class Case:
    """One routine at one size.

    ``rows`` are the others, as ``package`` or ``package:routine`` where the routine is not called like the case's;
    among them those of ``floor``, which no routine can do without, and those in ``checks``, which are slow on purpose
    and are there for their picks. ``ours`` is the way Claros is called.
    """

    strategy: str
    size: Size
    arrays: tuple[str, ...]
    rows: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    ours: str = "select"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    mapped: bool = False
    """Whether the arrays stay in their file."""
    unit: bool = False
    """Whether embeddings have length 1, for a method that scales them so while a peer of it does not."""
    limit: float = 1.0
    """Times the time limit of peers."""

    def routine(self, row: str) -> str:
        """What the package of that row is asked for."""
        return row.partition(":")[2] or self.strategy

    def settings(self, quick: bool) -> dict[str, Any]:
        """What the process that times a routine is told."""
        size = self.size.quick() if quick else self.size
        told = {"strategy": self.strategy, "parameters": dict(self.parameters), "mapped": self.mapped}
        return {**told, "k": size.k, "samples": size.samples}


POOL = ("embeddings", "labeled_embeddings")
FEATURES = ("features", "labeled_features")
GRADIENTS = ("embeddings", "probs")
SWEEP = ("floor:labeled_and_picked", "floor:sweeps")
#: Five labels a class, so that `auto` covers and does not yet ask by margin.
HERDING = Size(50_000, 1000, d=384, classes=10, labeled=50)

CASES: Mapping[str, Case] = {
    "entropy": Case(
        "entropy",
        Size(1_000_000, 1000, classes=10),
        ("probs",),
        ("scikit_activeml", "small_text", "modal", "baal", "idioms:entropy_torch", "floor:logs"),
        ours="kernel",
    ),
    "margin": Case(
        "margin",
        Size(1_000_000, 1000, classes=10),
        ("probs",),
        ("scikit_activeml", "small_text", "modal", "baal", "idioms:margin_torch", "floor:read"),
        ours="kernel",
    ),
    "door": Case(
        "entropy", Size(1_000_000, 1000, classes=10), ("probs",), ("claros:kernel", "floor:read"), ours="door"
    ),
    "entropy_mapped": Case(
        "entropy",
        Size(10_000_000, 1000, classes=10),
        ("probs",),
        ("idioms:entropy_numpy", "floor:logs"),
        mapped=True,
    ),
    "bald": Case(
        "bald",
        Size(50_000, 100, classes=10, members=20),
        ("member_probs",),
        ("scikit_activeml", "small_text", "baal", "batchbald_redux", "idioms:bald_torch", "floor:logs"),
    ),
    "batch_bald": Case(
        "batch_bald",
        Size(10_000, 10, classes=10, members=20, samples=1000),
        ("member_probs",),
        ("scikit_activeml", "baal", "batchbald_redux", "floor:batch_bald"),
        limit=3,
    ),
    "kappa": Case(
        "kappa", Size(1_000_000, classes=10), ("first", "second"), ("scikit_learn", "small_text"), ours="kappa"
    ),
    "k_center_1m_128": Case(
        "k_center", Size(1_000_000, 1000, d=128, labeled=1000), POOL, SWEEP, checks=("reference",), limit=4
    ),
    "k_center_1m_512": Case(
        "k_center", Size(1_000_000, 1000, d=512, labeled=1000), POOL, SWEEP, checks=("reference",), limit=6
    ),
    "k_center_50k": Case(
        "k_center",
        Size(50_000, 100, d=512, labeled=1000),
        POOL,
        ("scikit_activeml", "small_text", *SWEEP),
        checks=("reference",),
    ),
    "k_center_200k": Case(
        "k_center",
        Size(200_000, 100, d=512, labeled=1000),
        POOL,
        ("scikit_activeml", *SWEEP),
        checks=("reference",),
    ),
    "k_center_1m": Case(
        "k_center",
        Size(1_000_000, 100, d=128, labeled=1000),
        POOL,
        ("scikit_activeml", *SWEEP),
        checks=("reference",),
        limit=2,
    ),
    "second_round": Case(
        "k_center",
        Size(200_000, 100, d=512, labeled=1000),
        POOL,
        ("claros:first_round",),
        checks=("claros:not_kept",),
        ours="second_round",
    ),
    "badge_sequential": Case(
        "badge",
        Size(200_000, 100, d=512, classes=100),
        GRADIENTS,
        ("reference", "floor:sweeps"),
        parameters={"method": "sequential"},
    ),
    "badge": Case("badge", Size(200_000, 100, d=512, classes=100), GRADIENTS, ("reference", "floor:sweeps")),
    "badge_50k": Case(
        "badge",
        Size(50_000, 100, d=512, classes=10),
        GRADIENTS,
        ("scikit_activeml", "small_text", "reference", "floor:sweeps"),
    ),
    "badge_1m": Case("badge", Size(1_000_000, 1000, d=128, classes=10), GRADIENTS, ("floor:picked", "floor:sweeps")),
    "badge_1000_classes": Case(
        "badge", Size(50_000, 100, d=512, classes=1000), GRADIENTS, ("reference", "floor:sweeps")
    ),
    "bait": Case(
        "bait",
        Size(2000, 10, d=64, classes=10, labeled=100),
        (*POOL, "probs", "labeled_probs"),
        ("reference", "floor:bait"),
        parameters={"method": "full"},
        limit=3,
    ),
    "bait_50k": Case(
        "bait",
        Size(50_000, 10, d=128, classes=10, labeled=100),
        (*POOL, "probs", "labeled_probs"),
        ("floor:bait",),
        parameters={"method": "full"},
    ),
    "bait_binary": Case(
        "bait",
        Size(50_000, 100, d=384, classes=10, labeled=100),
        (*POOL, "probs", "labeled_probs"),
        ("floor:sweeps",),
        parameters={"method": "binary"},
    ),
    "prob_cover": Case(
        "prob_cover",
        Size(50_000, 100, d=512, labeled=100),
        FEATURES,
        ("scikit_activeml", "reference", "floor:pairs"),
        parameters={"radius": 0.8},  # a ball then holds nearly all of a heap, and nothing else
        limit=4,
    ),
    "typiclust": Case(
        "typiclust",
        Size(50_000, 100, d=512, labeled=100),
        FEATURES,
        ("scikit_activeml", "faiss"),
        limit=2,
    ),
    "kmeans": Case(
        "kmeans",
        Size(50_000, 100, d=512),
        ("embeddings",),
        ("small_text", "scikit_learn", "scikit_learn:minibatch", "faiss"),
    ),
    "clue": Case(
        "clue",
        Size(50_000, 100, d=512, classes=10),
        GRADIENTS,
        ("scikit_activeml", "scikit_learn", "faiss:kmeans"),
    ),
    "clue_prefiltered": Case(
        "prefilter(margin, clue, factor=10)",
        Size(50_000, 100, d=512, classes=10),
        GRADIENTS,
        ("scikit_learn:prefiltered",),
    ),
    "facility_location": Case(
        "facility_location",
        Size(10_000, 100, d=512),
        ("features",),
        ("apricot", "submodlib", "floor:pairs"),
        limit=2,
    ),
    "cal": Case(
        "cal",
        Size(50_000, 100, d=512, classes=10, labeled=1000),
        (*POOL, "probs", "labeled_probs"),
        ("scikit_activeml", "floor:labeled"),
        unit=True,
    ),
    "egl": Case("egl", Size(1_000_000, 1000, d=128, classes=10), GRADIENTS, ("idioms:egl_loop", "floor:read")),
    "auto": Case("auto", HERDING, (*FEATURES, *POOL, "probs", "labels")),
    "max_herding": Case("max_herding", HERDING, FEATURES, ("scikit_activeml",)),
    "uherding": Case("uherding", HERDING, (*FEATURES, "probs")),
    "cluster_margin_10k": Case(
        "cluster_margin", Size(10_000, 100, d=512, classes=10), ("features", "probs"), ("scikit_learn:hac",)
    ),
    "cluster_margin": Case(
        "cluster_margin",
        Size(1_000_000, 1000, d=128, classes=10),
        ("features", "probs"),
        ("floor:read",),
        limit=3,  # its clusters take minutes, once for a pool
    ),
    "falcun": Case("falcun", Size(1_000_000, 1000, classes=10), ("probs",), ("floor:sweeps",)),
}
