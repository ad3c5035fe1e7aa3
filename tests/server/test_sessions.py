"""Sessions over HTTP: what is shown, what an edit sends, two tabs, revisions, restarts."""

import numpy as np

from served import Served, brush


def test_an_edit_answers_with_what_has_to_be_fetched_anew(served: Served) -> None:
    tab = served.begun()
    before, header = tab.array("/maps/labels")
    done = tab.edit(brush())
    after, _ = tab.array("/maps/labels")
    assert done["revision"] == tab.seen()["revision"]
    assert done["report"]["changed_ml"] > 0
    assert done["latency_s"] >= 0
    changed = np.argwhere(before != after) + np.asarray(header["start"])
    start = np.asarray(done["changed"]["start"])
    stop = start + np.asarray(done["changed"]["shape"])
    assert len(changed)
    assert (changed >= start).all()
    assert (changed < stop).all()
    box = ",".join(str(v) for v in [*start, *stop])
    part, told = tab.array("/maps/labels", box=box)
    z, y, x = (slice(a - o, b - o) for a, b, o in zip(start, stop, header["start"], strict=True))
    np.testing.assert_array_equal(part, after[z, y, x])
    assert told["start"] == start.tolist()
