"""Hugging Face models trained and asked by two processes at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_hf

FIT = "model.fit(pool, np.array(pool.labels), rng=np.random.default_rng(0))"
PROGRAM = f"""
import sys
from pathlib import Path
import numpy as np
import torch.distributed as processes
from claros import models
from claros.testing.pools import small_pool

pool = small_pool("texts", n=45)
options = dict(learning_rate=0.005, num_train_epochs=3, min_steps=0, use_cpu=True, members=2, chunk=8)
model = models.get("hf:" + sys.argv[1], validation=0.2, patience=5, **options)
{FIT}
given = model.outputs(pool, model.provides)
rank = processes.get_rank() if processes.is_initialized() else 0
out = Path(sys.argv[2])
np.savez(out / f"{{rank}}.npz", **given)
model.save(out / f"saved-{{rank}}")
if processes.is_initialized():
    assert processes.get_world_size() == 2
    processes.destroy_process_group()
"""


def _run(folder: Path, *arguments: str) -> None:
    run = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_two_processes_share_the_work_and_both_get_all_rows(tmp_path: Path) -> None:
    checkpoint = tiny_hf.bert(tmp_path / "bert")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "two").mkdir()
    (tmp_path / "one").mkdir()
    launched = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "program.py"]
    _run(tmp_path, *launched, checkpoint, "two")
    first, second = (np.load(tmp_path / "two" / f"{rank}.npz") for rank in (0, 1))
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name])
    # One process alone, with the weights that the two have trained: the rows of chunks that both have computed.
    (tmp_path / "program.py").write_text(PROGRAM.replace(FIT, "model.load(Path('two/saved-0'))"))
    _run(tmp_path, "program.py", checkpoint, "one")
    alone = np.load(tmp_path / "one" / "0.npz")
    for name in first.files:
        np.testing.assert_allclose(alone[name], first[name], atol=1e-6)
