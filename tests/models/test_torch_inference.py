"""Outputs of networks against loops written by hand, enumeration of dropout masks, and the memory that they take."""

from __future__ import annotations

import gc
import itertools
import json
import math
import tracemalloc
import weakref
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import safetensors.torch
import torch
from factories import Maps, MemoryHungry, NoHead, Perceptron, RunsTwice
from torch import nn

from claros import Campaign, models
from claros.data import arrays
from claros.errors import CannotFeedError, InputError, ModelError
from claros.models import TorchModel
from claros.models.torch.inference import dropout_member
from claros.models.torch.nets import ResNet18, SmallCNN
from claros.testing.pools import small_pool

QUICK: dict[str, Any] = {"epochs": 3, "min_steps": 0, "device": "cpu"}


def fitted(model: Any, pool: Any, **given: Any) -> Any:
    model.fit(pool, pool.labels, rng=np.random.default_rng(0), **given)
    return model


def saved_network(model: TorchModel, net: nn.Module, folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network as anyone can rebuild it from the files on disk."""
    model.save(folder)
    document = json.loads((folder / "model.json").read_text())
    net.load_state_dict(safetensors.torch.load_file(folder / document["weights"]["file"]))
    return net.eval(), document


def test_outputs_are_those_of_a_plain_loop_over_the_saved_network(tmp_path: Path) -> None:
    pool = small_pool()
    model = fitted(TorchModel(Perceptron, {"width": 6}, chunk=7, **QUICK), pool)
    given = model.outputs(pool, model.provides - {"member_probs"})
    net, document = saved_network(model, Perceptron(5, 3, width=6), tmp_path)
    x = torch.tensor(pool.take(range(len(pool))), dtype=torch.float32)
    x = (x - torch.tensor(document["mean"])) / torch.tensor(document["std"])
    with torch.no_grad():
        hidden = torch.relu(net.norm(net.hidden(x)))
        logits = net.head(hidden)
    np.testing.assert_allclose(given["embeddings"], hidden, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(given["logits"], logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(given["probs"], logits.softmax(dim=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(given["head_weights"], net.head.weight.detach())
    np.testing.assert_array_equal(given["head_bias"], net.head.bias.detach())


def test_images_reach_the_network_with_channels_first(tmp_path: Path) -> None:
    contents = np.random.default_rng(0).integers(0, 255, (12, 16, 18, 3)).astype(np.uint8)
    pool = arrays(contents, np.arange(12) % 2)
    model = fitted(TorchModel(Maps, **QUICK), pool)
    net, document = saved_network(model, Maps(3, 2), tmp_path)
    mean, std = (np.array(document[key], dtype=np.float32) for key in ("mean", "std"))
    x = torch.from_numpy(((contents / np.float32(255) - mean) / std).transpose(0, 3, 1, 2).astype(np.float32))
    with torch.no_grad():
        np.testing.assert_allclose(model.outputs(pool, ["logits"])["logits"], net(x), rtol=1e-3, atol=1e-5)


# ---------------------------------------------------------------------------------------------------- embeddings


def test_embeddings_of_a_named_layer_are_its_output_averaged_over_positions(tmp_path: Path) -> None:
    pool = small_pool("images")
    model = fitted(TorchModel(Maps, layer="norm", **QUICK), pool)
    given = model.outputs(pool, ["embeddings"])["embeddings"]
    net, document = saved_network(model, Maps(1, 3), tmp_path)
    x = torch.tensor(pool.take(range(len(pool))), dtype=torch.float32)[:, None] / 255
    x = (x - document["mean"][0]) / document["std"][0]
    with torch.no_grad():
        expected = net.norm(net.convolution(x)).mean(dim=(2, 3))
    # The ReLU after it works in place: what was not copied in time would be without negative numbers.
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)
    assert given.min() < 0
    assert "head_weights" not in model.provides


def test_embeddings_are_taken_before_a_later_layer_works_in_place() -> None:
    pool = small_pool()

    def build(in_features: int, n_classes: int) -> nn.Module:
        return nn.Sequential(nn.Linear(in_features, 6), nn.ReLU(inplace=True), nn.Linear(6, n_classes))

    model = fitted(TorchModel(build, layer="0", **QUICK), pool)
    assert model.outputs(pool, ["embeddings"])["embeddings"].min() < 0


def test_the_head_is_the_linear_layer_that_ran_last_not_the_one_written_last(tmp_path: Path) -> None:
    pool = arrays(np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 3)
    model = fitted(TorchModel(RunsTwice, **QUICK), pool)
    given = model.outputs(pool, model.provides)
    net, _ = saved_network(model, RunsTwice(3, 3), tmp_path)
    np.testing.assert_array_equal(given["head_weights"], net.first_and_last.weight.detach())
    logits = given["embeddings"] @ given["head_weights"].T + given["head_bias"]
    np.testing.assert_allclose(logits, given["logits"], rtol=1e-4, atol=1e-5)


def test_a_named_layer_that_is_just_before_the_head_leaves_the_head_provided() -> None:
    pool = small_pool()
    assert "head_weights" in TorchModel(Perceptron, layer="dropout", **QUICK).provides_for(pool)
    assert "head_weights" not in TorchModel(Perceptron, layer="hidden", **QUICK).provides_for(pool)


def test_a_layer_that_is_not_there_suggests_one_that_is() -> None:
    with pytest.raises(InputError, match="Did you mean 'hidden'"):
        TorchModel(Perceptron, layer="hiden", **QUICK).provides_for(small_pool())


def test_layers_that_take_no_part_count_for_nothing() -> None:
    pool = small_pool()
    model = TorchModel(NoHead, **QUICK)
    parts = {"probs", "logits", "embeddings", "head_weights", "head_bias", "member_probs"}
    assert model.provides_for(pool) & parts == {"probs", "logits"}
    assert fitted(model, pool).provides & parts == {"probs", "logits"}
    with pytest.raises(InputError, match="gives no tensor when the network runs"):
        TorchModel(NoHead, layer="unused", **QUICK).provides_for(pool)


def test_a_head_without_bias_has_a_bias_of_zeros() -> None:
    pool = small_pool()
    model = fitted(models.get("factories:network", **QUICK), pool)
    np.testing.assert_array_equal(model.outputs(pool, ["head_bias"])["head_bias"], np.zeros(3))


# ---------------------------------------------------------------------------------------------------- dropout


def test_members_are_the_networks_with_units_dropped_the_same_for_every_item(tmp_path: Path) -> None:
    """Three hidden units have eight masks: every member is one of them, and their shares are those of coins."""
    pool, n_members = small_pool(), 1500
    model = fitted(TorchModel(Perceptron, {"width": 3, "dropout": 0.25}, members=n_members, **QUICK), pool)
    some = pool.subset(range(6))
    members = model.outputs(some, ["member_probs"])["member_probs"]
    net, document = saved_network(model, Perceptron(5, 3, width=3, dropout=0.25), tmp_path)
    x = torch.tensor(some.take(range(6)), dtype=torch.float32)
    x = (x - torch.tensor(document["mean"])) / torch.tensor(document["std"])
    masks = list(itertools.product([0.0, 1.0], repeat=3))
    with torch.no_grad():
        hidden = torch.relu(net.norm(net.hidden(x)))
        possible = np.stack([net.head(hidden * torch.tensor(mask) / 0.75).softmax(dim=1) for mask in masks])
    distances = np.abs(members.transpose(1, 0, 2)[:, None] - possible[None]).max(axis=(2, 3))
    assert distances.min(axis=1).max() < 1e-5, "a member is no mask that is the same for all items"
    kept = np.array([sum(mask) for mask in masks])
    expected = (0.75**kept * 0.25 ** (3 - kept))[:, None, None] * possible
    spread = np.sqrt(possible.var(axis=0).max() / n_members)
    # The mean over members is within five standard errors of the exact expectation over masks.
    assert np.abs(members.mean(axis=1) - expected.sum(axis=0)).max() < 5 * max(spread, 1e-3)


def test_members_do_not_depend_on_chunks() -> None:
    pool = small_pool()
    members = [
        fitted(TorchModel(Perceptron, members=4, chunk=chunk, **QUICK), pool).outputs(pool, ["member_probs"])
        for chunk in (5, 48)
    ]
    np.testing.assert_allclose(members[0]["member_probs"], members[1]["member_probs"], rtol=1e-4, atol=1e-6)


def test_dropout_passes_leave_batch_normalisation_alone_and_differ_from_each_other() -> None:
    pool = small_pool("images")
    model = fitted(models.get("cnn", width=4, members=5, **QUICK), pool)
    net = model._fitted.net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    plain = model.outputs(pool, ["probs"])["probs"]
    members = model.outputs(pool, ["member_probs"])["member_probs"]
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} was changed by inference"
    assert not any(module.training for module in net.modules())
    np.testing.assert_array_equal(model.outputs(pool, ["probs"])["probs"], plain)
    for one, other in itertools.combinations(range(5), 2):
        assert np.abs(members[:, one] - members[:, other]).max() > 1e-4, f"members {one} and {other} are the same"


def test_a_network_that_was_left_in_training_mode_is_left_so() -> None:
    pool = small_pool()
    model = fitted(TorchModel(Perceptron, **QUICK), pool)
    expected = model.outputs(pool, ["probs"])["probs"]
    net = model._fitted.net
    net.norm.train()
    net.dropout.train()
    np.testing.assert_array_equal(model.outputs(pool, ["probs"])["probs"], expected)
    assert [net.hidden.training, net.norm.training, net.dropout.training] == [False, True, True]


@pytest.mark.parametrize(
    ("name", "arguments", "has_members"),
    [
        ("cnn", {}, True),
        ("cnn", {"dropout": 0.0}, False),
        ("resnet18", {}, False),
        ("resnet18", {"dropout": 0.1}, True),
        ("factories:NoHead", {}, False),
    ],
)
def test_a_network_without_dropout_at_work_offers_no_members(
    name: str, arguments: dict[str, float], has_members: bool
) -> None:
    pool = small_pool("rows" if ":" in name else "images")
    model = models.get(name, **arguments)
    assert ("member_probs" in model.provides_for(pool)) == has_members
    if not has_members:
        model = fitted(models.get(name, **arguments, **{**QUICK, "epochs": 1}), pool)
        with pytest.raises(CannotFeedError, match="does not provide member_probs"):
            model.outputs(pool, ["member_probs"])


def test_what_a_named_network_offers_is_known_without_data() -> None:
    assert "member_probs" in models.get("cnn").provides
    assert "member_probs" not in models.get("resnet18", width=4).provides
    assert {"embeddings", "head_weights"} <= models.get("factories:Perceptron").provides


@pytest.mark.parametrize("kind", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout])
def test_channels_are_dropped_whole_where_the_module_drops_channels(kind: Any) -> None:
    shape = {nn.Dropout1d: (4, 6, 9), nn.Dropout3d: (4, 6, 2, 3, 3)}.get(kind, (4, 6, 5, 5))
    module, x = kind(0.5).eval(), torch.ones(shape)
    with torch.random.fork_rng(devices=[]), dropout_member([module], seed=1, member=0):
        y = module(x).flatten(2)
    assert (y == y[:1, :, :1]).all(), "the same within a channel, and for every item"
    assert len(y.unique()) == 2


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    module, x = nn.AlphaDropout(0.3).eval(), torch.randn(2, 40_000, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]), dropout_member([module], seed=1, member=0):
        y = module(x)
    # Of 40,000 draws the mean has a standard error of 0.005, and the variance one of about 0.01.
    assert y[0].mean().item() == pytest.approx(0.0, abs=0.03)
    assert y[0].var().item() == pytest.approx(1.0, abs=0.06)
    assert not module.training


def test_a_module_that_is_called_twice_has_two_masks() -> None:
    module = nn.Dropout(0.5).eval()
    with torch.random.fork_rng(devices=[]), dropout_member([module], seed=1, member=0):
        first, second = module(torch.ones(1, 64)), module(torch.ones(1, 64))
    assert not torch.equal(first, second)
    assert set(first.unique().tolist()) == {0.0, 2.0}


# ---------------------------------------------------------------------------------------------------- memory


def resident(what: str) -> int:
    """Bytes of memory that this process holds (VmRSS) or has held at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def test_inference_takes_the_outputs_and_one_chunk_and_no_more() -> None:
    n, chunk, members = 50_000, 500, 20
    pool = arrays(np.random.default_rng(0).random((n, 200), dtype=np.float32), np.arange(n) % 10)  # 40 MB
    model = TorchModel(Perceptron, members=members, chunk=chunk, **QUICK)
    model.fit(pool.subset(range(20)), np.arange(20) % 10, rng=np.random.default_rng(0))
    names = ("probs", "embeddings", "member_probs")
    model.outputs(pool.subset(range(2 * chunk)), names)
    size = 4 * n * (10 + 16 + 10 * members)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # start VmHWM anew
    before = resident("VmRSS")
    tracemalloc.start()
    given = model.outputs(pool, names)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(array.nbytes for array in given.values()) == size
    assert held < size + 4_000_000, f"NumPy and Python held {held:,} bytes for outputs of {size:,}"
    added = resident("VmHWM") - before
    assert added < size + 16_000_000, f"the process grew by {added:,} bytes for outputs of {size:,}"


def test_a_chunk_that_does_not_fit_is_tried_in_quarters_once() -> None:
    pool = small_pool()
    model = fitted(TorchModel(MemoryHungry, chunk=32, batch_size=8, **QUICK), pool)
    small = fitted(TorchModel(MemoryHungry, chunk=8, batch_size=8, **QUICK), pool)
    np.testing.assert_allclose(
        model.outputs(pool, ["probs"])["probs"], small.outputs(pool, ["probs"])["probs"], rtol=1e-5
    )
    hungry = fitted(TorchModel(MemoryHungry, chunk=48, batch_size=8, **QUICK), pool)
    with pytest.raises(ModelError, match="ran out of memory on 48 items at once, and on 12 too; lower chunk"):
        hungry.outputs(pool, ["probs"])


class Holding(nn.Module):
    """Runs out of memory on more than 16 items, with a tensor in hand; notes whether that lives when it goes on."""

    held: Any = None
    lived: ClassVar[list[bool]] = []

    def __init__(self, in_features: int, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(in_features, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        doubled = 2 * x
        if len(x) > 16:
            Holding.held = weakref.ref(doubled)
            raise torch.cuda.OutOfMemoryError("out of memory")
        Holding.lived.append(Holding.held is not None and Holding.held() is not None)
        return self.head(doubled)


def test_what_the_failed_attempt_held_is_let_go_before_the_next() -> None:
    pool = small_pool()
    model = fitted(TorchModel(Holding, chunk=40, batch_size=8, **QUICK), pool)
    Holding.lived.clear()
    model.outputs(pool, ["probs"])
    assert Holding.held is not None
    assert Holding.lived == [False] * len(Holding.lived)
    assert len(Holding.lived) == 4 + 1


@pytest.mark.parametrize("source", ["dropout", "ensemble", "snapshots", "laplace"])
def test_every_kind_of_members_survives_a_chunk_that_does_not_fit(source: str) -> None:
    pool = small_pool()
    options = {"members": 2, "batch_size": 8, "members_from": source, **QUICK}
    large, small = (fitted(TorchModel(MemoryHungry, chunk=chunk, **options), pool) for chunk in (32, 8))
    for name in sorted({"probs", "member_probs"} & large.provides):
        np.testing.assert_allclose(large.outputs(pool, [name])[name], small.outputs(pool, [name])[name], rtol=1e-5)


# ---------------------------------------------------------------------------------------------------- classes


def test_a_class_that_was_added_to_the_pool_gets_a_column_when_the_model_is_trained_again(tmp_path: Path) -> None:
    """Trained with three classes, it says nothing of a fourth; trained with five, two of them have probability 0."""
    pool = small_pool()
    assert pool.labels is not None
    grown = arrays(pool.take(range(48)), pool.labels, classes=("bird", "tree", "stone", "cloud", "sea"))
    for warm in (False, True):
        model = fitted(TorchModel(Perceptron, warm=warm, **QUICK), pool)
        assert model.outputs(grown, ["probs"])["probs"].shape == (48, 3)
        fitted(model, grown)
        probs = model.outputs(pool, ["probs"])["probs"]
        assert probs.shape == (48, 5)
        assert not probs[:, 3:].any()
        np.testing.assert_allclose(probs.sum(axis=1), 1.0, rtol=1e-5)


def test_a_label_beyond_the_classes_is_refused_before_any_training() -> None:
    pool = small_pool()
    model = fitted(TorchModel(Perceptron, **QUICK), pool)
    before = model.outputs(pool, ["probs"])["probs"]
    with pytest.raises(InputError, match="labels must be codes from 0 to 1; got 2 at index"):
        fitted(model, pool, n_classes=2)
    np.testing.assert_array_equal(model.outputs(pool, ["probs"])["probs"], before)


def test_a_campaign_goes_on_where_classes_come_up_late_and_classes_are_added() -> None:
    """The first batch is of two classes of three; then a fourth is invented, for items of the third."""
    pool = small_pool()
    assert pool.labels is not None
    model = TorchModel(Perceptron, **QUICK)
    with Campaign.create(None, pool=pool, model=model, start=6, batch=6, audit=0.0, strategy="margin") as campaign:
        for query in campaign.ask():
            campaign.tell(query.item, int(pool.labels[query.position]) % 2)
        campaign.ask()
        assert model.outputs(pool, ["probs"])["probs"].shape == (48, 3)
        assert not model.outputs(pool, ["probs"])["probs"][:, 2].any()
        campaign.add_classes(["cloud"])
        for query in campaign.ask():
            campaign.tell(query.item, int(pool.labels[query.position]) or 3)
        campaign.ask()
        probs = model.outputs(pool, ["probs"])["probs"]
        assert probs.shape == (48, 4)
        assert probs[:, 3].any()


def test_items_of_another_shape_or_kind_are_refused() -> None:
    pool = small_pool("images")
    model = fitted(models.get("cnn", width=4, **QUICK), pool)
    other = arrays(np.zeros((3, 20, 20), np.uint8), [0, 1, 2])
    with pytest.raises(ModelError, match=r"was trained on images of shape \(1, 16, 16\); these are \(1, 20, 20\)"):
        model.outputs(other, ["probs"])
    with pytest.raises(InputError, match="these items are rows"):
        model.outputs(small_pool("rows"), ["probs"])


# ---------------------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize("network", [SmallCNN, ResNet18])
@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 16, 31), (1, 28, 28), (3, 32, 32), (3, 65, 48)])
def test_the_networks_take_images_of_any_size_from_16_pixels(network: Any, shape: tuple[int, int, int]) -> None:
    with torch.random.fork_rng(devices=[]):
        net = network(shape, 7, width=4)
    assert net(torch.zeros(2, *shape)).shape == (2, 7)


def test_smaller_images_are_refused() -> None:
    with pytest.raises(InputError, match=r"at least 16 x 16 pixels; got 15 x 20"):
        SmallCNN((1, 15, 20), 2)


def test_resnet18_has_the_weights_that_the_architecture_has() -> None:
    # Convolutions 11,159,232, batch normalisations 9,600, head 5,130: the well-known 11.17 million for CIFAR.
    with torch.device("meta"):
        net = ResNet18((3, 32, 32), 10)
    assert sum(weights.numel() for weights in net.parameters()) == 11_173_962
    assert math.prod(net.stem[0].weight.shape) == 3 * 64 * 9


def test_the_hidden_layer_of_the_cnn_stays_small_for_large_images() -> None:
    with torch.device("meta"):
        sizes = [sum(w.numel() for w in SmallCNN((3, side, side), 10).parameters()) for side in (32, 64, 224)]
    assert max(sizes) < 1_500_000


# ---------------------------------------------------------------------------------------------------- timm


def test_timm_networks_are_told_the_channels_and_classes() -> None:
    pool = small_pool("images")
    model = fitted(models.get("timm:test_resnet", pretrained=False, **{**QUICK, "epochs": 1}), pool)
    given = model.outputs(pool, ["probs", "embeddings"])
    assert given["probs"].shape == (48, 3)
    assert model.spec()["name"] == "timm:test_resnet"


def test_pretrained_networks_see_images_as_they_were_pretrained_on_them() -> None:
    options = models.get("timm:test_resnet").options
    assert options.normalise == {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    assert options.image_size == 160
    assert models.get("timm:test_resnet", image_size=64).options.image_size == 64


def test_weights_that_cannot_be_downloaded_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    pool = small_pool("images")
    model = models.get("timm:test_resnet", image_size=32, **QUICK)
    assert "probs" in model.provides_for(pool), "looking at a network downloads nothing"
    with pytest.raises(ModelError, match=r"pass pretrained=False"):
        fitted(model, pool)
