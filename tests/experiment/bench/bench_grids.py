"""A small grid that the tests of the bench share."""

GRID = {
    "data": "iris",
    "strategy": ["margin", "entropy"],
    "start": 6,
    "batch": 5,
    "rounds": 3,
    "seeds": 2,
    "upper_bound": False,
}
