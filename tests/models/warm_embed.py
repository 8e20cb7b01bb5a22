"""A warm process for tests that kill: each line of arguments is a command that runs in a fork of this process.

Reads a JSON list of arguments and answers with the id of the process; reads any line and answers with how it ended.
In between a process that is done stays a zombie, so that its id is nobody else's when it is killed late.
"""

from __future__ import annotations

import json
import os
import sys

import torch

from claros.cli import main
from claros.models.encoders import encoder
from claros.testing.pools import small_pool

if __name__ == "__main__":
    torch.set_num_threads(1)  # forks and thread pools do not go together
    encoder("encoders:colours", like=small_pool("images"), device="cpu")
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            os._exit(main(json.loads(line)))
        os.write(answers, f"{child}\n".encode())
        sys.stdin.readline()
        os.write(answers, f"{os.waitpid(child, 0)[1]}\n".encode())
