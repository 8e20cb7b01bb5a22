"""Rules for finding all relevant items of a collection (technology-assisted review), one file a rule.

They look at what was screened, in the order of screening. What each promises is its ``guarantee``; most promise
nothing. They are had by name like all rules: ``claros.stopping.get("cmh", recall=0.95, alpha=0.05)``.
"""

from __future__ import annotations

from claros.stopping.recall.screening import RecallRule, Screened

__all__ = ["RecallRule", "Screened"]
