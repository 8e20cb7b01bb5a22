"""Labels the digits one by one in a campaign, and prints each item as soon as ``tell`` returned for it."""

from __future__ import annotations

import sys
from pathlib import Path

from claros import Campaign, data

path = Path(sys.argv[1])
pool = data.load("digits").train
truth = dict(zip(pool.ids, pool.labels.tolist(), strict=True))
if path.exists():
    campaign = Campaign.open(path, pool=pool)
else:
    campaign = Campaign.create(path, pool=pool, model=None, strategy="random", stop=None, start=50, batch=50)
while queries := campaign.ask(50):
    for query in queries:
        campaign.tell(query.item, truth[query.item])
        print(query.item, flush=True)
