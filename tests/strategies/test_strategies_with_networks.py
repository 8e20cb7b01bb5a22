"""Networks that tell labeled from unlabeled ask the half of the pool that is unlike what is labeled."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from suites_learned import apart

import claros
from claros.learned.graph_network import _graph
from claros.measures.directions import directions


@pytest.mark.parametrize("name", ["core_gcn", "uncertain_gcn", "vaal", "waal"])
def test_what_is_unlike_the_labeled_items_is_asked(name: str) -> None:
    features, labeled = apart()
    given = {"features": features, "labeled_features": labeled}
    if name == "waal":
        given["probs"] = np.full((40, 3), 1 / 3)
    hits = [claros.select(name, 4, **given, seed=seed).indices >= 20 for seed in range(3)]
    assert np.mean(hits) >= 0.75, hits


def test_waal_prefers_doubt_where_nothing_is_labeled() -> None:
    probs = np.array([[0.98, 0.01, 0.01], [0.4, 0.3, 0.3], [0.7, 0.2, 0.1]])
    picked = claros.select("waal", 3, probs=probs, features=np.eye(3), labeled_features=np.empty((0, 3)))
    assert picked.indices.tolist() == [1, 2, 0]
    logs = -np.log(probs[1])
    assert picked.scores[0] == pytest.approx(-0.5 * (np.linalg.norm(logs) + logs.sum()) / 3)


def test_the_graph_is_symmetric_and_normalised_as_written_out() -> None:
    points = directions(np.random.default_rng(0).normal(size=(30, 3)))
    graph = _graph(points, 4, np.random.default_rng(1)).toarray()
    distances = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1)[:, :4]
    edges = np.zeros((30, 30))
    edges[np.repeat(np.arange(30), 4), near.ravel()] = 1
    edges = np.maximum(edges, edges.T) + np.eye(30)
    degrees = edges.sum(axis=1)
    np.testing.assert_allclose(graph, edges / np.sqrt(degrees[:, None] * degrees[None, :]))


def test_the_network_learns_to_tell_labeled_from_unlabeled() -> None:
    # The loss that its gradient descends is that of its chances: after training it is far below that of a coin.
    from claros.learned.graph_network import _Network

    features, labeled = apart()
    chances, _ = _Network(5, 32, 200, 0.01, 1.0).trained(features[20:], labeled, np.random.default_rng(0))
    wanted = np.arange(40) >= 20
    loss = -np.mean(np.log(np.where(wanted, chances, 1 - chances)))
    assert loss < 0.1 < -np.log(expit(0.0))
