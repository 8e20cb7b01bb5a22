"""Ctrl-C ends a training, also one whose library would go on with a model that is half trained."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from claros import data, models
from claros.models.interrupts import not_swallowed
from claros.rng import stream


@pytest.mark.filterwarnings("ignore:Training interrupted")
def test_ctrl_c_in_scikit_learn_s_network_is_not_taken_for_a_finished_training() -> None:
    pool = data.load("digits").train
    model = models.get("mlp", hidden_layer_sizes=[400], max_iter=5000, tol=0.0, n_iter_no_change=5000)
    labels = np.asarray(pool.labels)
    killer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    started = time.monotonic()
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(pool, labels, rng=stream(0, "model", 0))
    assert time.monotonic() - started < 30
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_not_interrupted_is_left_alone() -> None:
    with not_swallowed():
        pass
    with pytest.raises(ValueError, match="mine"), not_swallowed():
        raise ValueError("mine")


def test_an_interrupt_that_the_block_lets_through_comes_once() -> None:
    with pytest.raises(KeyboardInterrupt), not_swallowed():
        signal.raise_signal(signal.SIGINT)
