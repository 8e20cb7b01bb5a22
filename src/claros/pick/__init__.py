"""From scores or geometry to picks: every strategy ends in one of these."""

from claros.pick.farthest import farthest_first
from claros.pick.picked import Picked
from claros.pick.ranking import first_of, top_k
from claros.pick.spread import draw_spread

__all__ = ["Picked", "draw_spread", "farthest_first", "first_of", "top_k"]
