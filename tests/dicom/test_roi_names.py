"""Names as hospitals write them, and what becomes of those that nobody can map."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hnuiseg.dicom.roi_names import map_roi_names, roi_name_rules
from hnuiseg.errors import InputRefused

RULES = roi_name_rules()

# As found in MDA, Québec and RADCURE files.
PRIMARY = ["GTVp", "GTV_P", "GTV-P", "GTVp_KW", "GTVp2", "GTVt", "GTV primaire", "GTV T irm"]
PRIMARY += ["GTV langue", "GTVlarynx", "GTV langue,GTVlarynx"]
NODES = ["GTVn", *(f"GTVn{k}" for k in range(1, 16)), "GTV_N1", "GTV_N_1", "GTVn3_SA", "GTNn2"]
NODES += ["GTV GG", "GTV ggs", "GTVgg", "GANGLION1", "GTV Node", "NODAL GTV", "GTV_nd_67.5gy"]
NODES += ["GTVn_[A]", "GTVn_[B]"]
UNSAID = {
    "GTV": "GTVp", "GTV1": "GTVp", "GTV_7": "GTVp", "GTV_67.5gy": "GTVp", "gtv pet": "GTVp",
    "GTV2": "GTVn",
}  # fmt: skip
BOTH = ["GTV et GG", "GTVp+GTVn", "GTVp_GTVn", "GTV total"]
NEITHER = [
    "PTV", "PTV_GTVp", "CTVp", "GTVp+5mm", "Ring_GTVp", "GTVp_opti", "Parotid_L", "BODY", "",
    "GTVpretreatment", "Node level II", "not a GTVp", "GTVp CTVp 3mm", "GTV_Mass_CT",
]  # fmt: skip


@pytest.mark.parametrize("change", [str, str.upper, str.lower, lambda n: f" {n} "])
def test_every_name_is_known_however_it_is_written(change: Callable[[str], str]) -> None:
    for region, names in (("GTVp", PRIMARY), ("GTVn", NODES)):
        written = [change(name) for name in names]
        assert map_roi_names(written, RULES).certain == dict.fromkeys(written, region)


def test_names_that_do_not_say_are_mapped_and_reported() -> None:
    found = map_roi_names(UNSAID, RULES)
    assert found.doubtful == UNSAID
    assert found.notes == tuple(
        f"{name}: read as {region}, which its name doesn't say" for name, region in UNSAID.items()
    )


def test_primary_and_nodes_in_one_are_left_out_and_reported() -> None:
    found = map_roi_names([*BOTH, "GTVp,GTVn"], RULES)
    assert found.both == (*BOTH, "GTVp,GTVn")
    assert found.region("GTV et GG") is None
    assert "GTV et GG: primary tumour and nodes in one region, left out" in found.notes


def test_other_names_are_left_out_and_reported() -> None:
    found = map_roi_names(NEITHER, RULES)
    assert found.unmatched == tuple(NEITHER)
    assert len(found.notes) == len(NEITHER)


def test_every_name_is_in_one_place() -> None:
    names = [*PRIMARY, *NODES, *UNSAID, *BOTH, *NEITHER]
    found = map_roi_names([*names, *names], RULES)
    placed = [*found.certain, *found.doubtful, *found.both, *found.unmatched]
    assert sorted(placed) == sorted(names)


def test_an_edited_file_replaces_the_rules(tmp_path: Path) -> None:
    """The two Québec cases whose node is called GTV."""
    file = tmp_path / "ours.toml"
    file.write_text('[[rule]]\nregion = "GTVn"\ncertain = true\npatterns = ["gtv"]\n')
    found = map_roi_names(["GTV", "GTVp"], roi_name_rules(file))
    assert found.certain == {"GTV": "GTVn"}
    assert found.unmatched == ("GTVp",)


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "",
        '[[rule]]\nregion = "GTVx"\ncertain = true\npatterns = ["a"]\n',
        '[[rule]]\nregion = "GTVp"\ncertain = true\npatterns = ["("]\n',
        '[[rule]]\nregion = "GTVp"\ncertain = "yes"\npatterns = ["a"]\n',
        '[[rule]]\nregion = "GTVp"\ncertain = true\npatterns = [1]\n',
        '[[rule]]\nregion = "GTVp"\n',
        "rule = 3\n",
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(text)
    with pytest.raises(InputRefused, match=r"ROI name patterns in ours\.toml can't be used"):
        roi_name_rules(file)
    with pytest.raises(InputRefused, match=r"missing\.toml"):
        roi_name_rules(tmp_path / "missing.toml")


def _of(tmp_path: Path, pattern: str) -> Path:
    file = tmp_path / "ours.toml"
    file.write_text(f"[[rule]]\nregion = 'GTVp'\ncertain = true\npatterns = ['{pattern}']\n")
    return file


@pytest.mark.parametrize(
    "pattern",
    [
        "a?" * 40 + "a" * 40 + "!",
        "(a|a)?" * 40 + "!",
        "(a|a)" * 40 + "!",
        "(((a?)?a?)?a?)?" * 10 + "!",
        "a{0,9}" * 10 + "!",
        "a{,63}" * 4 + "!",
        "a*?" * 5 + "!",
        ".*[ab]+a{2,}.*.*!",
        "(a+)+!",
        "(?:a|a)*!",
        "(a|ab){9}!",
        "(a|a){0,9}!",
        "(?=(a+)+!)a",
        r"(a*)(\1)!",
        "(?P<x>a*)(?P=x)!",
        "(a)?(?(1)b|c)",
        "(?i)a",
        "(?>a)",
        "a*+",
        "a" * 1025,
    ],
)
def test_patterns_that_might_not_end_are_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(InputRefused, match=r"patterns in ours\.toml can't be used \(ValueError"):
        roi_name_rules(_of(tmp_path, pattern))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (r"(.*_)?gtv.*n\d{1,2}", "left_gtv_old_n12"),
        (r"gtv(?!.*opti).*", "gtv_new"),
        (r"(?P<what>gtv)(?:p|t)??", "gtvp"),
        (r"[]*+?{(|]{2}gtv", "(*gtv"),
        (r"\{2}\*\?{}", "{2}*?{}"),
        (r"a{,2}b{1,}?c{3}", "aabbccc"),
        ("a?" * 19, "a" * 19),
    ],
)
def test_patterns_that_end_are_taken(tmp_path: Path, pattern: str, name: str) -> None:
    assert map_roi_names([name], roi_name_rules(_of(tmp_path, pattern))).certain == {name: "GTVp"}


def test_names_longer_than_dicom_allows_are_left_out(tmp_path: Path) -> None:
    """What is counted of a pattern is counted for names of 64 characters."""
    rules = roi_name_rules(_of(tmp_path, "a*"))
    found = map_roi_names(["a" * 64, "a" * 65, " " * 99 + "aa"], rules)
    assert found.certain == {"a" * 64: "GTVp", " " * 99 + "aa": "GTVp"}
    assert found.unmatched == ("a" * 65,)
