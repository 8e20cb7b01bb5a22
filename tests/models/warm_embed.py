"""A warm process that embeds by torch."""

from __future__ import annotations

import torch

from claros.models.encoders import encoder
from claros.testing.pools import small_pool
from warm_process import serve


def warm_up() -> None:
    """Load an encoder."""
    torch.set_num_threads(1)  # forks and thread pools do not go together
    encoder("encoders:colours", like=small_pool("images"), device="cpu")


if __name__ == "__main__":
    serve(warm_up)
