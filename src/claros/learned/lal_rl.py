"""LAL-RL: what to label next, as a network learned it by reinforcement on other data sets."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, take
from claros.learned.features import action_features, state_features
from claros.learned.policy import read_policy
from claros.measures.geometry import centred
from claros.pick import Picked, top_k
from claros.pick.spread import draw_spread
from claros.strategies.parameters import check_counts
from claros.strategy import strategy

__all__ = ["lal_rl"]


@strategy(reference="Konyushkova, Sznitman & Fua 2018, arXiv:1909.04036", stochastic=True)
def lal_rl(
    k: int,
    *,
    probs: Array,
    embeddings: Array,
    labeled_embeddings: Array,
    rng: np.random.Generator,
    policy: str = "",
    spread: int = 3,
) -> Picked:
    """The candidates that a policy, trained by reinforcement on other data, values most; a value is minus labels to go.

    The policy is a Q-network: from the state of the learning (how sure the model is of the candidates, how many labels
    there are) and from what is known of a candidate (its ranks by doubt and by distances, so that nothing depends on
    the data set or the size of the pool) it says how many more labels would be bought until the model is at 98 % of
    what it reaches with all of them, if this candidate came next. Of a batch, the first pick has the highest value, the
    others are drawn as k-means++ draws, in proportion to the squared distance to the picks before them, from the
    ``spread``·k candidates of the highest values. A pick's score is its value.

    ``policy`` is a file that ``claros train-policy`` wrote; without one, the policy that comes with Claros, which was
    trained on made data only (its file says how). No torch is needed. Where all values are equal, ties are broken by a
    permutation drawn from ``rng``. The batch is made for its k.

    Departures: the state has quantiles over the candidates, where the authors take 30 fixed items that are set aside,
    and for several classes the lead of the highest probability beside it; actions have more features, as ranks; the
    authors buy one label at a time.

    Cost: O(N·(C + (L + m + k)·D)) time, with m at most 1,000 candidates as possible neighbours; O(N) memory.

    Use it with small tabular data and a simple model, which it was trained with: on eight such sets it kept up with the
    best of margin, badge, k-means and random (docs/learned_evidence.md); or train a policy on data like yours; not on
    trust with networks or large batches, which no episode of its training had.
    """
    check_counts("lal_rl", spread=spread)
    learned = read_policy(policy)
    known = int(labeled_embeddings.shape[0])
    actions = action_features(probs, embeddings, labeled_embeddings, rng)
    values = learned.values(state_features(probs, known), actions)
    best = top_k(values, min(len(values), spread * k), rng)
    if k == 1 or len(best.indices) <= k:
        return Picked(best.indices[:k], best.scores[:k])
    _, vectors = centred(take(embeddings, best.indices), embeddings.dtype)
    among = draw_spread(vectors, k, rng, np.arange(len(best.indices)), 0).indices
    return Picked(best.indices[among], best.scores[among])
