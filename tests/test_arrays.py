"""Arrays of NumPy and torch: where they are, how they move, how they are walked."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from claros import arrays


@given(n=st.integers(0, 500), row=st.integers(0, 5000), block=st.integers(1, 100_000))
def test_blocks_cover_every_row_once_and_in_order(n: int, row: int, block: int) -> None:
    slices = list(arrays.row_blocks(n, row, block))
    assert [i for rows in slices for i in range(rows.start, rows.stop)] == list(range(n))
    assert all(rows.stop - rows.start <= max(1, block // max(1, row)) for rows in slices)


def test_rows_are_mapped_block_by_block(monkeypatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 100)
    table = np.arange(60, dtype=np.float32).reshape(20, 3)
    seen = []

    def kernel(block):
        seen.append(len(block))
        return block.sum(1)

    assert np.array_equal(arrays.map_rows(kernel, table, 24), table.sum(axis=1))
    assert seen == [4] * 5
    mapped = arrays.map_rows(kernel, torch.from_numpy(table), 24)
    assert mapped.dtype == torch.float64
    assert mapped.tolist() == table.sum(axis=1).tolist()
    assert arrays.map_rows(kernel, table[:0], 24).shape == (0,)


@pytest.mark.parametrize(("threads", "least", "spans"), [(1, 1, 1), (3, 1, 3), (3, 400, 2), (3, 1000, 1)])
def test_spans_cover_every_row_once_and_in_order(monkeypatch, threads: int, least: int, spans: int) -> None:
    monkeypatch.setattr(arrays, "_blas_threads", lambda: threads)
    monkeypatch.setattr(arrays, "SPAN_BYTES", least)
    found = arrays.map_spans(lambda span: np.arange(span.start, span.stop), 100, 8)
    assert len(found) == spans
    assert np.array_equal(np.concatenate(found), np.arange(100))


def test_every_thread_has_the_settings_of_the_caller_and_says_what_goes_wrong(monkeypatch) -> None:
    monkeypatch.setattr(arrays, "_blas_threads", lambda: 2)
    monkeypatch.setattr(arrays, "SPAN_BYTES", 1)
    zeros = np.zeros(100)
    with np.errstate(divide="ignore"):
        assert len(arrays.map_spans(lambda span: 1.0 / zeros[span], 100, 8)) == 2
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        arrays.map_spans(lambda span: 1.0 / zeros[span], 100, 8)
    assert arrays.map_spans(lambda span: arrays.thread_counts()["openblas"], 100, 8) == [1, 1]


def test_positions_take_copies_and_slices_take_views() -> None:
    for table in (np.arange(12.0).reshape(6, 2), torch.arange(12.0).reshape(6, 2)):
        picked = arrays.take(table, np.array([5, 0]))
        assert picked.tolist() == [[10.0, 11.0], [0.0, 1.0]]
        view = arrays.take(table, slice(1, 3))
        table[1, 0] = -1.0
        assert view[0, 0] == -1.0


def test_arrays_go_home_and_back_without_a_copy_where_none_is_needed() -> None:
    array = np.arange(4.0)
    assert arrays.to_numpy(array) is array
    assert arrays.from_numpy(array, np.empty(0)) is array
    tensor = arrays.from_numpy(array, torch.empty(0))
    array[0] = 9.0
    assert tensor[0] == 9.0
    assert np.shares_memory(arrays.to_numpy(tensor), array)
    assert arrays.to_numpy(torch.ones(2, requires_grad=True)).tolist() == [1.0, 1.0]


def test_a_read_only_array_becomes_a_tensor_without_a_warning() -> None:
    array = np.arange(4.0)
    array.flags.writeable = False
    assert arrays.from_numpy(array, torch.empty(0)).tolist() == [0.0, 1.0, 2.0, 3.0]


def test_places_are_told_apart_in_words() -> None:
    assert arrays.where_from(np.empty(0)) == "numpy"
    assert arrays.where_from(torch.empty(0)) == "torch on cpu"
    assert arrays.where_from(torch.empty(0, device="meta")) == "torch on meta"


def test_blocks_are_larger_where_each_one_costs_a_launch() -> None:
    assert arrays.block_bytes(np.empty(0)) == arrays.block_bytes(torch.empty(0)) == arrays.BLOCK_BYTES
    assert arrays.block_bytes(torch.empty(0, device="meta")) == arrays.DEVICE_BLOCK_BYTES


def test_a_gradient_tape_is_left_behind() -> None:
    tensor = torch.ones(3, requires_grad=True)
    assert not arrays.detached(tensor * 2).requires_grad
    array = np.ones(3)
    assert arrays.detached(array) is array


def test_scratch_memory_is_reused_and_grows() -> None:
    scratch = arrays.Scratch()
    first = scratch.block((4, 3), np.float32)
    first[:] = 7.0
    smaller = scratch.block((2, 3), np.float32)
    assert np.shares_memory(first, smaller)
    assert smaller.shape == (2, 3)
    larger = scratch.block((100, 3), np.float64)
    assert larger.dtype == np.float64
    assert larger.nbytes == math.prod((100, 3)) * 8


def test_blas_threads_are_limited_inside_and_given_back_after() -> None:
    from threadpoolctl import threadpool_info

    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    np.ones((2, 2)) @ np.ones((2, 2))
    before = threads()
    with arrays.blas_threads(1):
        assert set(threads()) == {1}
    assert threads() == before


@pytest.mark.parametrize(("value", "known"), [([1, 2], False), (np.ones(1), True), (torch.ones(1), True)])
def test_lists_are_no_arrays(value, known) -> None:
    assert arrays.is_array(value) is known
    assert arrays.is_torch(value) is isinstance(value, torch.Tensor)
