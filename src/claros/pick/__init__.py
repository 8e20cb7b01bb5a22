"""From scores or geometry to picks: every strategy ends in one of these."""

from claros.pick.central import central_members
from claros.pick.eager import eager_greedy
from claros.pick.farthest import farthest_first
from claros.pick.greedy import greedy_coverage
from claros.pick.heaviest import heaviest_first
from claros.pick.lazy import lazy_greedy
from claros.pick.picked import Picked
from claros.pick.ranking import first_highest, first_of, in_order, place_within, ranks, top_k
from claros.pick.robust import robust_centres
from claros.pick.spread import draw_spread
from claros.pick.stochastic import gumbel_top_k
from claros.pick.streaming import top_k_streamed
from claros.pick.volume import largest_volume

__all__ = [
    "Picked",
    "central_members",
    "draw_spread",
    "eager_greedy",
    "farthest_first",
    "first_highest",
    "first_of",
    "greedy_coverage",
    "gumbel_top_k",
    "heaviest_first",
    "in_order",
    "largest_volume",
    "lazy_greedy",
    "place_within",
    "ranks",
    "robust_centres",
    "top_k",
    "top_k_streamed",
]
