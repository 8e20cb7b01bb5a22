"""Policies on disk: the open format as the safetensors package has it, and what is no policy."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from claros.errors import DataError
from claros.learned.dqn import new_weights
from claros.learned.policy import SHAPES, SHIPPED, Policy, read_policy
from claros.learned.weights import pack, unpack


def policy(seed: int = 0) -> Policy:
    return Policy(new_weights(np.random.default_rng(seed), -3.0), {"data": ["made"]})


def test_what_we_write_the_safetensors_package_reads(tmp_path: Path) -> None:
    written = policy()
    written.write(tmp_path / "p.safetensors")
    read = load_file(tmp_path / "p.safetensors")
    assert set(read) == set(SHAPES)
    assert all(np.array_equal(read[name], written.weights[name]) for name in read)
    with safe_open(tmp_path / "p.safetensors", "numpy") as file:
        assert json.loads(file.metadata()["training"]) == {"data": ["made"]}


def test_what_the_safetensors_package_writes_we_read(tmp_path: Path) -> None:
    tensors = {name: np.asarray(tensor, np.float32) for name, tensor in policy(1).weights.items()}
    save_file(tensors, tmp_path / "p.safetensors", {"training": '{"seed": 4}'})
    read = read_policy(tmp_path / "p.safetensors")
    assert read.training == {"seed": 4}
    assert all(np.array_equal(read.weights[name], tensors[name]) for name in tensors)


def test_the_shipped_policy_says_how_it_was_trained() -> None:
    shipped = read_policy()
    assert shipped.training["data"] == ["made"]
    needed = shipped.training["labels_to_goal"]
    assert needed["episodes"] >= 100
    assert needed["policy"]["mean"] < needed["random"]["mean"] - 2 * needed["policy"]["standard_error"]
    assert SHIPPED.stat().st_size < 20_000


def test_a_file_that_was_written_again_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    policy(0).write(path)
    first = read_policy(path)
    policy(1).write(path)
    assert not np.array_equal(read_policy(path).weights["state_weights"], first.weights["state_weights"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 1 << 40) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 8) + b"not json",
        struct.pack("<Q", 60) + b'{"a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 8]}}'[:60] + bytes(16),
        pack({"a": np.ones(3)}, {})[:-8],
        pack({"a": np.ones(3)}, {}).replace(b'"F64"', b'"I64"'),
    ],
)
def test_a_damaged_file_is_said_to_be_one(content: bytes) -> None:
    with pytest.raises(DataError, match=r"p\.bin is no safetensors file of a policy"):
        unpack(content, "p.bin")


def test_another_network_or_no_training_is_said(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    weights = policy().weights
    path.write_bytes(pack({**weights, "value_weights": np.ones(9)}, {"training": "{}"}))
    with pytest.raises(DataError, match=r"value_weights should have the shape \(5,\), and has \(9,\)"):
        read_policy(path)
    path.write_bytes(pack({**weights, "value_bias": np.array(np.nan)}, {"training": "{}"}))
    with pytest.raises(DataError, match="value_bias has weights that are not finite"):
        read_policy(path)
    path.write_bytes(pack(weights, {}))
    with pytest.raises(DataError, match="does not say how it was trained"):
        read_policy(path)
    with pytest.raises(DataError, match="There is no policy at"):
        read_policy(tmp_path / "none.safetensors")
