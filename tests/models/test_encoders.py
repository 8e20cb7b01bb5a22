"""Encoders: what they give, by hand and by other packages; and folders of features, filled whatever happens."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny_hf
import torch
import transformers
from PIL import Image

from claros import data
from claros.data.feature_files import open_features
from claros.data.pool import Pool, Split
from claros.errors import ConflictError, DataError, InputError, ModelError, StorageError
from claros.models.encoders import Encoder, embed, encoder
from claros.testing.pools import small_pool
from warm_process import Warm

HERE = Path(__file__).parent
TEXTS = ["a tree", "the deep green sea", "no", "we see three bees here", "", "elm"]


def texts(items: list[str] = TEXTS) -> Pool:
    return data.arrays(items, ids=[f"t{place}" for place in range(len(items))])


def made(name: str, like: Pool, **choices: object) -> Encoder:
    return encoder(f"encoders:{name}", like=like, device="cpu", **choices)  # type: ignore[arg-type]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Forty images of one colour each, of two classes, with different sizes."""
    rng = np.random.default_rng(0)
    for place in range(40):
        path = tmp_path / "tree" / "ab"[place % 2] / f"{place:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (int(rng.integers(5, 9)), int(rng.integers(5, 9)), 3)
        Image.fromarray(np.broadcast_to(rng.integers(0, 256, 3), shape).astype(np.uint8)).save(path)
    return tmp_path / "tree"


# ----------------------------------------------------------------------------------------------------- what they give


def test_a_function_of_texts_is_called_and_its_rows_are_in_the_order_of_the_pool() -> None:
    pool = texts()
    found = made("lengths", pool).features(pool, chunk=2)
    assert found.dtype == np.float32
    assert found.tolist() == [[len(text), text.count(" "), text.count("e")] for text in TEXTS]


def test_a_network_gets_images_from_0_to_1_at_its_size_and_its_maps_are_averaged(tree: Path) -> None:
    """By hand: plain colours stay what they are at any size; no dropout, and batch normalisation as it was made."""
    pool = data.image_folder(tree)
    network = made("Convolution", pool)
    assert network.image_size == 8
    found = network.features(pool, chunk=7)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = torch.nn.Conv2d(3, 4, 3)
    pixels = torch.from_numpy(pool.take(range(40))).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        expected = torch.relu(layer(pixels) / (1 + 1e-5) ** 0.5).mean(dim=(2, 3))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_what_an_encoder_depends_on_is_its_key(tree: Path) -> None:
    pool = data.image_folder(tree)
    one, same, wide = (made("Convolution", pool, parameters=given) for given in ({}, {}, {"width": 5}))
    assert one.key == same.key
    assert one.weights != wide.weights
    assert made("colours", pool).key != made("colours", pool, parameters={"scale": 2.0}).key
    assert json.loads(json.dumps(one.key)) == one.key


def test_embedding_leaves_every_global_state_as_it_was(tree: Path) -> None:
    pool = data.image_folder(tree)
    before, grad = torch.get_rng_state(), torch.is_grad_enabled()
    made("Convolution", pool).features(pool)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled() == grad


def test_a_smaller_chunk_is_tried_once_where_memory_runs_out() -> None:
    pool = texts([*TEXTS, *"defgh"])
    assert made("Hungry", pool).features(pool, chunk=11)[:, 0].tolist() == [len(text) for text in pool.take(range(11))]
    with pytest.raises(ModelError, match="out of memory on 11 items at once, and on 2 too; lower chunk"):
        made("Hungry", pool, parameters={"most": 1}).features(pool, chunk=11)


def test_bad_encoders_and_bad_features_are_one_sentence() -> None:
    pool = texts(["good", "so bad", "good too"])
    with pytest.raises(ModelError, match=r"one row of features for each of 3 items; got an array of shape \(5,\)"):
        made("flat", pool).features(pool)
    with pytest.raises(ModelError, match="not finite for 't1'"):
        made("infinite", pool).features(pool)
    with pytest.raises(InputError, match="must give a network or a function"):
        made("number", pool)
    with pytest.raises(InputError, match="Convolution takes images; these items are texts"):
        made("Convolution", pool)
    with pytest.raises(InputError, match=r"no argument named 'widht'\. Did you mean 'width'"):
        made("Convolution", small_pool("images"), parameters={"widht": 3})
    with pytest.raises(InputError, match=r"timm:NAME .* got 'resnet18'"):
        encoder("resnet18", like=small_pool("images"))
    with pytest.raises(InputError, match="timm:test_resnet takes images; these items are texts"):
        encoder("timm:test_resnet", like=pool, pretrained=False)


# ------------------------------------------------------------------------------------------------------- transformers


def test_texts_are_the_mean_of_hidden_states_over_what_is_no_padding_or_the_first(tmp_path: Path) -> None:
    """Each text by itself through the network that transformers loads: there is no padding to begin with."""
    where = tiny_hf.bert(tmp_path / "bert")
    words = ["finch wren oak", "elm", "granite slate chalk the of and in", "robin thrush"]
    pool = texts(words)
    tokens, net = transformers.AutoTokenizer.from_pretrained(where), transformers.AutoModel.from_pretrained(where)
    with torch.no_grad():
        states = [net.eval()(**tokens(text, return_tensors="pt")).last_hidden_state[0] for text in words]
    for pooling, expected in (("mean", [one.mean(dim=0) for one in states]), ("cls", [one[0] for one in states])):
        made = encoder(f"hf:{where}", like=pool, pooling=pooling, device="cpu")
        np.testing.assert_allclose(made.features(pool, chunk=3), torch.stack(expected).numpy(), atol=2e-6)


def test_images_go_through_their_processor_and_sounds_through_theirs(tmp_path: Path) -> None:
    where = tiny_hf.vit(tmp_path / "vit")
    pool = data.arrays(np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8))
    processor = transformers.AutoImageProcessor.from_pretrained(where)
    with torch.no_grad():
        net = transformers.AutoModel.from_pretrained(where).eval()
        states = net(**processor(list(pool.take(range(5))), return_tensors="pt")).last_hidden_state
    found = encoder(f"hf:{where}", like=pool, device="cpu").features(pool, chunk=2)
    np.testing.assert_allclose(found, states.mean(dim=1).numpy(), atol=2e-6)

    where = tiny_hf.wav2vec2(tmp_path / "wav2vec2", masked=True)
    sounds = tiny_hf.tones(tmp_path / "tones", 6, rates=(8000,))
    listener = transformers.AutoFeatureExtractor.from_pretrained(where)
    with torch.no_grad():
        net = transformers.AutoModel.from_pretrained(where).eval()
        heard = [listener(samples, sampling_rate=rate, return_tensors="pt") for samples, rate in sounds.take(range(6))]
        alone = [net(one.input_values).last_hidden_state.mean(dim=1)[0].numpy() for one in heard]
    found = encoder(f"hf:{where}", like=sounds, device="cpu").features(sounds, chunk=6)
    np.testing.assert_allclose(found, np.stack(alone), atol=1e-5)


def test_an_untrained_transformer_is_drawn_with_one_seed_and_models_that_cannot_be_had_are_explained(
    tmp_path: Path,
) -> None:
    bert, vit, pool = tiny_hf.bert(tmp_path / "bert", weights=False), tiny_hf.vit(tmp_path / "vit"), texts()
    one, other = (encoder(f"hf:{bert}", like=pool, pretrained=False, device="cpu") for _ in range(2))
    assert one.key == other.key
    with pytest.raises(ModelError, match="has no weights in"):
        encoder(f"hf:{bert}", like=pool)
    with pytest.raises(InputError, match="takes images; these items are texts"):
        encoder(f"hf:{vit}", like=pool)
    with pytest.raises(InputError, match="takes texts; these items are images"):
        encoder(f"hf:{bert}", like=small_pool("images"), pretrained=False)
    with pytest.raises(InputError, match="pooling must be mean or cls; got 'max'"):
        encoder(f"hf:{bert}", like=pool, pooling="max", pretrained=False)


def test_a_model_that_cannot_be_downloaded_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="'no/such-model' is not on this machine and could not be downloaded"):
        encoder("hf:no/such-model", like=texts())


# ------------------------------------------------------------------------------------------------ folders of features


def test_a_folder_has_a_row_for_each_id_and_numpy_reads_it(tree: Path, tmp_path: Path) -> None:
    pool = data.image_folder(tree)
    said = embed(Split(pool, None), made("colours", pool), tmp_path / "out", chunk=7)
    assert (said["train"], said["test"], said["features"], said["computed"]) == (40, 0, 3, 40)
    plain = np.load(tmp_path / "out/train/features.npy")
    assert plain.dtype == np.float32
    expected = pool.take(range(40)).astype(np.float64).mean(axis=(1, 2))
    np.testing.assert_allclose(plain, expected, rtol=1e-6)
    table = open_features(tmp_path / "out")["train"]
    assert table.rows == {name: row for row, name in enumerate(pool.ids)}
    assert isinstance(table.array, np.memmap)


def test_texts_are_computed_longest_first_and_kept_in_the_order_of_the_pool(tmp_path: Path) -> None:
    pool = texts()
    embed(Split(pool, None), made("lengths", pool), tmp_path / "out", chunk=2)
    assert np.load(tmp_path / "out/train/features.npy")[:, 0].tolist() == [len(text) for text in TEXTS]


def test_only_new_and_changed_items_are_computed(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"

    def run() -> int:
        log.write_text("")
        pool = data.image_folder(tree)
        said = embed(
            Split(pool, None), made("slow", pool, parameters={"seconds": 0, "log": str(log)}), tmp_path / "out"
        )
        assert said["computed"] == len(log.read_text().splitlines())
        return int(said["computed"])

    assert run() == 40
    assert run() == 0
    (tree / "a" / "000.png").rename(tree / "a" / "000b.png")  # before all others: every position changes
    assert run() == 1
    Image.new("RGB", (4, 4), (9, 9, 9)).save(tree / "b" / "001.png")
    assert run() == 1
    pool = data.image_folder(tree, features=tmp_path / "out")
    position = pool.positions["b/001.png"]
    np.testing.assert_allclose(np.asarray(pool.fixed_features)[position], [9 * 1.35, 9 * 3.7], rtol=1e-6)


def test_a_folder_of_another_encoder_is_refused_by_saying_what_differs(tree: Path, tmp_path: Path) -> None:
    pool = data.image_folder(tree)
    embed(Split(pool, None), made("colours", pool), tmp_path / "out")
    with pytest.raises(InputError, match=r"another encoder: scale was null, now 2\.0\. Give another --out"):
        embed(Split(pool, None), made("colours", pool, parameters={"scale": 2.0}), tmp_path / "out")
    with pytest.raises(InputError, match=r"model was .*; weights was "):
        embed(Split(pool, None), made("Convolution", pool), tmp_path / "out")
    with pytest.raises(InputError, match="holds other things than features"):
        embed(Split(pool, None), made("colours", pool), tree)


def test_one_process_at_a_time_writes_a_folder(tree: Path, tmp_path: Path) -> None:
    import fcntl

    pool = data.image_folder(tree)
    (tmp_path / "out").mkdir()
    with (tmp_path / "out/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="Another process computes features"):
            embed(Split(pool, None), made("colours", pool), tmp_path / "out")


def test_an_unreadable_image_in_the_middle_is_named_and_what_is_done_stays(tree: Path, tmp_path: Path) -> None:
    (tree / "b" / "021.png").write_bytes(b"no image")
    pool = data.image_folder(tree)
    encoder = made("colours", pool)
    with pytest.raises(DataError, match=r"021.png cannot be read as an image.* \d+ of 40 items are computed and stay"):
        embed(Split(pool, None), encoder, tmp_path / "out", chunk=4)
    done = np.fromfile(tmp_path / "out/train/done", np.uint8)
    assert 28 <= done.sum() < 40  # b/021.png is the 31st by name, in the eighth chunk of four
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tree / "b" / "021.png")
    pool = data.image_folder(tree)
    said = embed(Split(pool, None), encoder, tmp_path / "out", chunk=4)
    assert said["computed"] == 40 - int(done.sum())


def test_a_full_disk_is_one_sentence(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = data.image_folder(tree)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("claros.models.encoders.folder.os.pwrite", full)
    with pytest.raises(StorageError, match="No space left on device"):
        embed(Split(pool, None), made("colours", pool), tmp_path / "out")


# ------------------------------------------------------------------------------------------------------------- kill -9


@pytest.mark.parametrize("after", [1, 3])
@pytest.mark.parametrize("kind", ["images", "texts"])
def test_interrupted_networks_end_with_the_same_bytes(kind: str, after: int, tree: Path, tmp_path: Path) -> None:
    """Chunks are the same whatever was done before, and so is what rounding makes of them."""
    pool = (
        data.image_folder(tree) if kind == "images" else texts([" ".join(["oak"] * n) for n in (3, 9, 1, 4, 7, 2, 8)])
    )
    network = (
        made("Convolution", pool) if kind == "images" else encoder(f"hf:{tiny_hf.bert(tmp_path / 'b')}", like=pool)
    )
    chunks = 0

    def stop(done: int, total: int) -> None:
        nonlocal chunks
        chunks += 1
        if chunks > after:
            raise KeyboardInterrupt

    embed(Split(pool, None), network, tmp_path / "whole", chunk=2)
    with pytest.raises(KeyboardInterrupt):
        embed(Split(pool, None), network, tmp_path / "out", chunk=2, progress=stop)
    assert np.fromfile(tmp_path / "out/train/done", np.uint8).sum() == 2 * after
    embed(Split(pool, None), network, tmp_path / "out", chunk=2)
    for name in ("features.npy", "items.json", "done"):
        assert (tmp_path / "out/train" / name).read_bytes() == (tmp_path / "whole/train" / name).read_bytes()


@pytest.fixture
def warm() -> Iterator[Warm]:
    process = Warm(HERE / "warm_embed.py")
    yield process
    process.close()


def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_bytes(tree: Path, tmp_path: Path, warm: Warm) -> None:
    """Five kills, each after some items of an encoder that takes 10 ms for one, then a run to the end."""
    log, marks, rng = tmp_path / "log", tmp_path / "killed/train/done", np.random.default_rng(0)
    command = ["embed", str(tree), "--model", "encoders:slow", "--chunk", "2", "--set", f"log={log}"]

    def lines() -> int:
        return len(log.read_text().splitlines()) if log.exists() else 0

    warm.start([*command, "--set", "seconds=0.01", "--out", str(tmp_path / "whole")])
    assert warm.finish() == 0
    done = 0
    for _ in range(5):
        log.write_text("")
        process = warm.start([*command, "--set", "seconds=0.01", "--out", str(tmp_path / "killed")])
        goal, end = int(rng.integers(2, 12)), time.monotonic() + 60
        while lines() < goal and time.monotonic() < end:
            time.sleep(0.001)
        os.kill(process, signal.SIGKILL)
        assert warm.finish() == -signal.SIGKILL
        marked = int(np.fromfile(marks, np.uint8).sum())
        assert done <= marked <= done + lines(), "what was done stays done, and nothing is marked that was not computed"
        assert done + lines() - marked <= 2 * 7, "only what was on its way to the disk is lost: some chunks of two"
        done = marked
    log.write_text("")
    warm.start([*command, "--set", "seconds=0.01", "--out", str(tmp_path / "killed")])
    assert warm.finish() == 0
    assert lines() == 40 - done, "only what was missing was computed"
    for name in ("features.npy", "items.json", "done"):
        assert (tmp_path / "killed/train" / name).read_bytes() == (tmp_path / "whole/train" / name).read_bytes()
