"""Pools of items to label: from names, files, folders and arrays; read lazily, with stable ids and known duplicates."""

from claros.data.attached import with_features
from claros.data.folders import audio_folder, image_folder
from claros.data.huggingface import hf_dataset
from claros.data.loading import load, moved, names, place, reopen
from claros.data.memory import arrays
from claros.data.near_duplicates import group_near_duplicates
from claros.data.pool import Pool, Split
from claros.data.tables import text_table

__all__ = [
    "Pool",
    "Split",
    "arrays",
    "audio_folder",
    "group_near_duplicates",
    "hf_dataset",
    "image_folder",
    "load",
    "moved",
    "names",
    "place",
    "reopen",
    "text_table",
    "with_features",
]
