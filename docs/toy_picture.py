"""One picture of the gallery: the toy world and a batch in it, as a small SVG file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from contourpy import FillType, contour_generator
from toy_world import HIGH, WIDE, Floats, World

__all__ = ["picture"]

SCALE = 60
WIDTH, HEIGHT = int(2 * WIDE * SCALE), int(2 * HIGH * SCALE)
#: Okabe-Ito: blue, orange, green, purple.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")
#: The model's lead of its first class over the second from which a tint is one step stronger.
LEVELS = (0.0, 0.3, 0.6)
STEP, DISC = 8, 8.5
#: Inputs that come from the model's predictions.
PREDICTED = {"probs", "logits", "member_probs", "head_weights", "boundary_distance", "predicted_loss", "previous_probs"}


def picture(world: World, picks: npt.NDArray[np.int64], title: str, seen: Sequence[str]) -> str:
    """The pool as grey dots, labels as rings, the batch as numbers in the order picked; ``seen`` names the inputs.

    Predictions are tints where they are seen; of a multi-label task, the lines on which its labels change.
    """
    behind = _lines() if "label_probs" in seen else _tints(world) if PREDICTED & set(seen) else []
    rings = [] if "label_probs" in seen else _rings(world)
    said = " ".join(f"{place + 1}:{item}" for place, item in enumerate(picks))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" font-family="system-ui, sans-serif" font-size="11" font-weight="700" text-anchor="middle">',
        f"<title>{escape(title)}</title>",
        f"<desc>Place in the batch and item: {said}</desc>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *behind,
        f'<path d="{_dots(world.pool)}" stroke="#555" stroke-opacity=".5" stroke-width="5" stroke-linecap="round"/>',
        *rings,
        *_numbers(_pixels(world.pool[picks])),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _pixels(points: Floats) -> Floats:
    return np.column_stack([(points[:, 0] + WIDE) * SCALE, (HIGH - points[:, 1]) * SCALE])


def _lines() -> list[str]:
    """Where x, y and x + y change their sign: the three labels of the toy world's multi-label task."""
    ends = [[0, -HIGH, 0, HIGH], [-WIDE, 0, WIDE, 0], [-HIGH, HIGH, HIGH, -HIGH]]
    drawn = [_pixels(np.reshape(pair, (2, 2)).astype(float)).astype(int) for pair in ends]
    return [f'<path d="M{a[0]} {a[1]}L{b[0]} {b[1]}" stroke="#0072b2" stroke-dasharray="5 4"/>' for a, b in drawn]


def _tints(world: World) -> list[str]:
    columns, rows = np.arange(0, WIDTH + 1, STEP), np.arange(0, HEIGHT + 1, STEP)
    x, y = np.meshgrid(columns / SCALE - WIDE, HIGH - rows / SCALE)
    probs = world.model.probs(np.column_stack([x.ravel(), y.ravel()]))
    lines = []
    for code, colour in enumerate(COLOURS):
        lead = probs[:, code] - np.max(np.delete(probs, code, axis=1), axis=1)
        shapes = contour_generator(columns, rows, lead.reshape(x.shape), fill_type=FillType.OuterOffset)
        areas = [_outline(*shapes.filled(level, 2.0)) for level in LEVELS]
        lines += [f'<path d="{area}" fill="{colour}" fill-opacity=".1"/>' for area in areas if area]
    return lines


def _outline(points: list[Floats], offsets: list[npt.NDArray[np.uint32]]) -> str:
    parts = []
    for shape, starts in zip(points, offsets, strict=True):
        for start, end in pairwise(starts):
            corners = np.rint(shape[start:end]).astype(int)
            corners = corners[np.r_[True, np.any(np.diff(corners, axis=0), axis=1)]]
            steps = np.diff(corners, axis=0)
            turns = steps[:-1, 0] * steps[1:, 1] != steps[:-1, 1] * steps[1:, 0]
            kept = corners[np.r_[True, turns, True]]
            parts.append("M" + "L".join(f"{x} {y}" for x, y in kept[:-1]) + "Z")
    return "".join(parts)


def _dots(points: Floats) -> str:
    return "".join(f"M{x} {y}h0" for x, y in np.rint(_pixels(points)).astype(int))


def _rings(world: World) -> list[str]:
    places = np.rint(_pixels(world.labeled)).astype(int)
    return [
        f'<circle cx="{x}" cy="{y}" r="6" fill="#fff" stroke="{COLOURS[code]}" stroke-width="3"/>'
        for (x, y), code in zip(places, world.labels, strict=True)
    ]


def _numbers(anchors: Floats) -> list[str]:
    """A disc with its number on each pick, moved aside where two would lie on each other."""
    lines, discs = [], _apart(anchors)
    for (x, y), (at_x, at_y) in zip(np.rint(anchors).astype(int), np.rint(discs).astype(int), strict=True):
        lines.append(f'<path d="M{x} {y}h0" stroke="#000" stroke-width="6" stroke-linecap="round"/>')
        if np.hypot(x - at_x, y - at_y) > 2:
            lines.append(f'<path d="M{x} {y}L{at_x} {at_y}" stroke="#000" stroke-width="1"/>')
    for place, (x, y) in enumerate(np.rint(discs).astype(int)):
        lines.append(f'<circle cx="{x}" cy="{y}" r="{DISC}" fill="#000"/>')
        lines.append(f'<text x="{x}" y="{y + 4}" fill="#fff">{place + 1}</text>')
    return lines


def _apart(anchors: Floats) -> Floats:
    places = anchors.copy()
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(len(places))
    places += 0.1 * np.column_stack([np.cos(turn), np.sin(turn)])  # so that copies have a direction to part in
    for _ in range(300):
        gaps = places[:, None] - places[None]
        distances = np.linalg.norm(gaps, axis=2) + np.eye(len(places))
        overlap = np.maximum(0, 2 * DISC + 1 - distances) * (1 - np.eye(len(places)))
        push = np.sum(gaps / distances[..., None] * overlap[..., None], axis=1) / 2
        moved = places + np.clip(push, -3, 3)
        places = np.clip(moved, DISC + 1, [WIDTH - DISC - 1, HEIGHT - DISC - 1])
    return places
