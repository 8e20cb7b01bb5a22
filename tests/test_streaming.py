"""Memory maps scored block by block: the same picks as in memory, fair ties, and next to no memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

import claros
from claros import arrays
from claros.arrays import is_mapped
from claros.errors import InputError
from claros.pick import top_k, top_k_streamed
from claros.testing import example_inputs
from claros.testing.examples import by_candidate
from memory import peak_bytes

RNG = np.random.default_rng
ROWWISE = [name for name in claros.strategies.names() if claros.strategies.get(name).rowwise]


def mapped(array: np.ndarray, file: Path) -> np.ndarray:
    np.save(file, array)
    return np.load(file, mmap_mode="r")


def streamed(scores: np.ndarray, k: int, seed: int = 0):
    return top_k_streamed(lambda rows, least: scores[rows], len(scores), k, RNG(seed))


def test_without_ties_the_picks_are_those_of_a_sort() -> None:
    for n, k in ((1, 1), (7, 3), (7, 7), (7, 20), (300_000, 1), (300_000, 500), (300_000, 200_000)):
        for scores in (RNG(n).permutation(n) / 7.0, np.arange(n) / 7.0, -np.arange(n) / 7.0):
            picked = streamed(scores, k)
            assert np.array_equal(picked.indices, np.argsort(-scores)[:k])
            assert np.array_equal(picked.scores, scores[picked.indices])
            assert picked.indices.dtype == np.int64


def test_with_ties_the_scores_are_those_of_top_k_and_blocks_and_threads_do_not_matter(monkeypatch) -> None:
    for seed in range(30):
        scores = RNG(seed).integers(0, 5, 2000) / 4.0
        k = int(RNG(seed).integers(1, 2100))
        monkeypatch.setattr("claros.pick.streaming.WRITTEN", 2000 if seed % 2 else 0)
        whole = streamed(scores, k, seed)
        if seed % 2:
            assert np.array_equal(whole.indices, top_k(scores, k, RNG(seed)).indices)
        assert np.array_equal(whole.scores, top_k(scores, k, RNG(0)).scores)
        assert len(set(whole.indices.tolist())) == len(whole.indices)
        with monkeypatch.context() as patch:
            patch.setattr(arrays, "BLOCK_BYTES", 1 << 9)
            assert np.array_equal(streamed(scores, k, seed).indices, whole.indices)
            patch.setattr(arrays, "SPAN_BYTES", 1 << 12)
            patch.setattr(arrays, "_blas_threads", lambda: 3)
            assert np.array_equal(streamed(scores, k, seed).indices, whole.indices)


@pytest.mark.parametrize("written", [1 << 17, 0])
def test_of_many_tied_items_each_is_as_likely_as_any_other_at_every_place(written: int, monkeypatch) -> None:
    """12 items and 3 places, 6,000 seeds; a sound order fails each of the two with probability 1e-4."""
    monkeypatch.setattr("claros.pick.streaming.WRITTEN", written)
    counts = np.zeros((3, 12))
    pairs = np.zeros((12, 12))
    for seed in range(6000):
        picks = streamed(np.ones(12), 3, seed).indices
        counts[np.arange(3), picks] += 1
        pairs[picks[0], picks[1]] += 1
    assert min(chisquare(row).pvalue for row in counts) > 1e-4 / 3
    assert chisquare(pairs[~np.eye(12, dtype=bool)]).pvalue > 1e-4


def test_one_number_is_taken_from_the_stream_whatever_the_scores_are() -> None:
    after = []
    for scores in (np.zeros(50), np.arange(50.0)):
        rng = RNG(3)
        top_k_streamed(lambda rows, least, scores=scores: scores[rows], 50, 5, rng)
        after.append(rng.random())
    assert after[0] == after[1]


def test_what_lies_in_a_file_is_told_from_what_does_not(tmp_path: Path) -> None:
    array = mapped(np.eye(3), tmp_path / "a.npy")
    assert is_mapped(array)
    assert is_mapped(np.asarray(array)[1:])
    assert not is_mapped(np.array(array))
    assert not is_mapped([1.0])


@pytest.mark.parametrize("name", ROWWISE)
def test_a_mapped_file_gives_the_picks_of_an_array(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 10)
    strategy = claros.strategies.get(name)
    inputs = example_inputs(strategy.needs, {"N": 331})
    files = {
        name: mapped(value, tmp_path / f"{name}.npy") if by_candidate(name) else value for name, value in inputs.items()
    }
    expected = claros.select(strategy, 20, **inputs)
    picked = claros.select(strategy, 20, **files)
    assert picked.scores == pytest.approx(expected.scores, rel=1e-12)
    assert picked.indices.tolist() == expected.indices.tolist()
    assert expected.all_scores is not None
    assert expected.all_scores[picked.indices] == pytest.approx(picked.scores, rel=1e-12)
    if len(set(np.round(expected.all_scores, 12))) == 331:
        assert np.array_equal(picked.indices, expected.indices)
    assert picked.all_scores is None
    assert picked.n_candidates == 331
    assert len(picked.reasons) == 20


def test_a_strategy_that_looks_at_all_items_at_once_is_given_them_all(tmp_path: Path) -> None:
    inputs = example_inputs(["member_probs"])
    file = mapped(inputs["member_probs"], tmp_path / "member_probs.npy")
    expected = claros.select("epig", 5, **inputs)
    assert np.array_equal(claros.select("epig", 5, member_probs=file).indices, expected.indices)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_bad_row_of_a_file_is_named_by_its_place_in_the_file(threads: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "SPAN_BYTES", 1 << 16)
    monkeypatch.setattr(arrays, "_blas_threads", lambda: threads)
    probs = np.full((200_000, 2), 0.5, dtype=np.float32)
    probs[150_001] = np.nan
    with pytest.raises(InputError, match="probs has 1 non-finite row"):
        claros.select("entropy", 5, probs=mapped(probs, tmp_path / "probs.npy"))
    logits = np.zeros((200_000, 2))
    logits[150_001] = [1e308, -1e308]
    with (
        np.errstate(over="ignore"),
        pytest.raises(InputError, match=r"1 non-finite score\(s\), the first at index 150001"),
    ):
        claros.select("logit_margin", 5, logits=mapped(logits, tmp_path / "logits.npy"))


def test_a_million_rows_of_a_file_take_less_than_a_number_each(tmp_path: Path) -> None:
    file = tmp_path / "probs.npy"
    probs = np.lib.format.open_memmap(file, "w+", np.float32, (1_000_000, 4))
    for start in range(0, 1_000_000, 100_000):
        some = RNG(start).random((100_000, 4), dtype=np.float32)
        probs[start : start + 100_000] = some / some.sum(axis=1, keepdims=True)
    probs.flush()
    read = np.load(file, mmap_mode="r")
    claros.select("entropy", 1000, probs=read[:1000])

    peak = peak_bytes(lambda: claros.select("entropy", 1000, probs=read))
    assert peak < 5 * 2**20, f"{peak / 2**20:.1f} MiB"


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted in this way on Linux")
def test_blocks_reuse_their_memory_in_a_process_that_has_freed_nothing_yet() -> None:
    """Fresh pages for every block made entropy take more than twice as long."""
    program = """if True:
        import resource
        import numpy as np
        from claros.measures.predictive import entropy

        probs = np.full((2_000_000, 10), 0.1, dtype=np.float32)
        entropy(probs)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        entropy(probs)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    """
    faults = int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
    # the 2,000,000 scores themselves are 4,000 pages; three arrays in each of 153 blocks would be 58,000 more
    assert faults < 10_000, f"{faults} pages"
