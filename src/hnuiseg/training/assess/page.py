"""`results.md`: an assessment's figures as tables that a tired person reads."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hnuiseg.training.assess.measure import VALUES
from hnuiseg.training.assess.users import USERS

_HEAD = (
    "user",
    "clicks",
    "Dice",
    "NSD 2 mm",
    "NSD 5 mm",
    "HD mm",
    "HD95 mm",
    "DSCagg",
    "F1 overlap",
    "F1 IoU > 0.30",
)
_STATES = ("both present", "missed", "invented", "correctly empty")


def page(results: dict[str, Any]) -> str:
    """Markdown of a `results.json`, which holds the same and more."""
    entries = results["summary"]
    parts = [
        f"# {results['model']['name']} on {results['patients']} patients",
        "**Research use only.** Nothing here is a medical device, nor evidence that one works.",
        _about(results),
    ]
    for scan in dict.fromkeys(entry["scan"] for entry in entries):
        chosen = [entry for entry in entries if entry["scan"] == scan]
        parts.append(f"## {scan}: {chosen[0]['patients']} patients, {chosen[0]['cases']} cases")
        for name, _ in VALUES:
            parts += [f"### {name}", _measures(chosen, name), _counts(chosen, name)]
        doubted = [entry for entry in chosen if entry["ranking"] is not None]
        if doubted:
            parts += ["### Are probabilities as often right as they say?", _calibration(doubted)]
            parts += ["### Does uncertainty point at errors?", _ranking(doubted)]
    users = dict.fromkeys(entry["user"] for entry in entries)
    parts += [
        "## What the words mean",
        "\n".join(f"- **{word}**: {said}." for word, said in results["definitions"].items()),
        "\n".join(f"- **{name}**: {USERS[name].said}." for name in users),
        "A user who finds nothing more to click keeps the last answer. In brackets the interval; "
        "after the semicolon the patients in whom a mean is defined, where that isn't all. "
        "A dash: undefined.",
    ]
    return "\n\n".join(parts) + "\n"


def _about(results: dict[str, Any]) -> str:
    options, machine, data = results["options"], results["machine"], results["data"]
    labels = "one pass without dropout"
    if options["members"]:
        labels = f"the mean of {options['members']} members"
    doubt = options["uncertainty_members"]
    sets = "; ".join(
        f"{one['kind']} (GTVp: {one['classes'][0]}, GTVn: {one['classes'][1]})"
        for one in data["sets"]
    )
    fold = "" if options["part"] == "testing" else f" of fold {options['fold']}"
    return "\n".join(
        [
            f"- Model: {results['model']['name']}, sha256 `{results['model']['sha256'][:16]}`; "
            f"labels by {labels}"
            + (f"; calibration and ranking by {doubt} members" if doubt else "")
            + f"; temperatures: {_temperatures(results['model']['temperatures'])}.",
            f"- Data: {options['part']} part{fold} of {sets}, sha256 `{data['sha256'][:16]}`.",
            f"- Computed with {results['software']}, torch {machine['torch']}, "
            f"{machine['precision']}, on {machine['processor']} ({machine['device']}).",
            f"- The same again: `{results['command']}`",
        ]
    )


def _temperatures(found: Sequence[float | None] | None) -> str:
    if found is None:
        return "none, the model isn't calibrated"
    with_pet, alone = ("none" if one is None else f"{one:.3f}" for one in found)
    return f"{with_pet} with PET, {alone} from the CT alone"


def _measures(entries: Sequence[dict[str, Any]], name: str) -> str:
    rows = []
    for entry in entries:
        found = entry["classes"][name]
        means, cases = found["means"], entry["cases"]
        rows.append(
            [
                _user(entry),
                f"{entry['clicks']:.1f}",
                *(_mean(means[m], cases, _share) for m in ("dsc", "nsd_2mm", "nsd_5mm")),
                *(_mean(means[m], cases, _mm) for m in ("hd_mm", "hd95_mm")),
                _interval(found["dsc_agg"], _share),
                _interval(found["lesions_by_overlap"]["f1"], _share),
                _interval(found["lesions_by_iou"]["f1"], _share),
            ]
        )
    return _table(_HEAD, rows)


def _counts(entries: Sequence[dict[str, Any]], name: str) -> str:
    head = (
        "user",
        *_STATES,
        "lesions found/missed/invented",
        "by IoU > 0.30",
        "predicted in 255",
        "Dice with rims",
        "HD mm with 255",
    )
    rows = []
    for entry in entries:
        found = entry["classes"][name]
        unsaid = found["in_255"]
        rows.append(
            [
                _user(entry),
                *(str(found["states"][state]) for state in _STATES),
                *(
                    "/".join(str(found[kind][what]) for what in ("found", "missed", "invented"))
                    for kind in ("lesions_by_overlap", "lesions_by_iou")
                ),
                f"{unsaid['ml']:.1f} ml in {unsaid['cases']} cases, {unsaid['lesions']} lesions",
                _mean(found["means"]["dsc_with_rims"], entry["cases"], _share),
                _mean(found["means"]["hd_with_255_mm"], entry["cases"], _mm),
            ]
        )
    return _table(head, rows)


def _calibration(entries: Sequence[dict[str, Any]]) -> str:
    head = ("user", "class", "ECE", "ECE calibrated", "Brier", "Brier calibrated")
    rows = []
    for entry in entries:
        for name, _ in VALUES:
            found = entry["classes"][name]["calibration"]
            before, after = found["as they are"], found["calibrated"]
            rows.append(
                [
                    _user(entry),
                    name,
                    *(
                        "-" if kind is None else _interval(kind[what], _fine)
                        for what in ("ece", "brier")
                        for kind in (before, after)
                    ),
                ]
            )
    return _table(head, rows)


def _ranking(entries: Sequence[dict[str, Any]]) -> str:
    head = ("user", "AURC, members", "AURC, one pass", "members less one pass", "AURC, perfect")
    rows = []
    for entry in entries:
        found = entry["ranking"]
        named = ("members", "one pass", "members less one pass", "perfect")
        rows.append([_user(entry), *(_interval(found[which], _finest) for which in named)])
    return _table(head, rows)


def _user(entry: dict[str, Any]) -> str:
    several = len(USERS[entry["user"]].measured_after) > 1
    return f"{entry['user']}, step {entry['step']}" if several else str(entry["user"])


def _mean(found: dict[str, Any], cases: int, shown: Callable[[float], str]) -> str:
    few = f"; {found['defined']}" if found["defined"] < cases else ""
    return _interval(found, shown) + few


def _interval(found: dict[str, Any], shown: Callable[[float], str]) -> str:
    if found["value"] is None:
        return "-"
    if found["low"] is None:
        return shown(found["value"])
    return f"{shown(found['value'])} [{shown(found['low'])}, {shown(found['high'])}]"


def _share(value: float) -> str:
    return f"{value:.3f}"


def _mm(value: float) -> str:
    return f"{value:.1f}"


def _fine(value: float) -> str:
    return f"{value:.4f}"


def _finest(value: float) -> str:
    return f"{value:.5f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
