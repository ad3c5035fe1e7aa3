"""What `export` writes, and that its parts say the same."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from hnuiseg.dicom import DicomReference, PatientStudy, read_rtstruct, read_seg
from hnuiseg.errors import HnuisegError, WrongCall
from hnuiseg.export import DEFAULT_FORMATS, FORMATS, Contours, Result, export
from hnuiseg.files import read_image
from hnuiseg.inference import NotDrawn, Prediction
from hnuiseg.study.case import Case
from hnuiseg.volume import components
from made_case import CARD, CREATED, GRID, STARTED, ball_labels, made_case, made_prediction

WITHOUT_PICTURES = ("nifti", "rtstruct")  # which take a second each

PATIENT = PatientStudy(
    "Doe^Jane", "ID-4711", "19500101", "F", "1.2.7", "20260102", "030405", "S1", "A1", "Ref^Doc"
)


def run(
    out: Path, case: Case, prediction: Prediction, formats: tuple[str, ...] = WITHOUT_PICTURES
) -> tuple[Result, dict[str, Any]]:
    result = export(case, prediction, CARD, out, formats=formats, started=STARTED, created=CREATED)
    return result, json.loads((out / "result.json").read_text("utf-8"), parse_constant=pytest.fail)


def with_dicom(case: Case) -> Case:
    n = case.ct.grid.shape[0]
    positions = case.ct.grid.to_world(np.array([(k, 0, 0) for k in range(n)], dtype=float))
    reference = DicomReference(
        patient=PATIENT,
        series_instance_uid="1.2.8",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uids=tuple(f"1.2.8.{k + 1}" for k in range(n)),
        image_positions_mm=tuple((float(x), float(y), float(z)) for x, y, z in positions),
        frame_of_reference=case.ct.grid.frame_of_reference,
        position_reference_indicator="",
    )
    return replace(case, dicom=reference)


def test_the_listed_files_are_there_and_no_others(tmp_path: Path) -> None:
    result, described = run(
        tmp_path / "out", with_dicom(made_case()), made_prediction(ball_labels()), DEFAULT_FORMATS
    )
    written = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert written == sorted(result.files) == sorted(described["files"])
    assert {"labels.nii.gz", "rtstruct.dcm", "seg.dcm", "report.html"} <= set(written)
    assert result.not_written == ()


def test_maps_lie_on_the_cts_grid(tmp_path: Path) -> None:
    prediction = made_prediction(ball_labels())
    run(tmp_path / "out", made_case(), prediction, ("nifti",))
    labels = read_image(tmp_path / "out" / "labels.nii.gz", "label")
    assert labels.grid.same_place(GRID)
    np.testing.assert_array_equal(labels.array, prediction.labels)
    gtvn = read_image(tmp_path / "out" / "gtvn_probability.nii.gz", "1")
    np.testing.assert_array_equal(gtvn.array, prediction.probabilities[2])
    assert prediction.votes is not None
    votes = read_image(tmp_path / "out" / "votes.nii.gz", "1")
    np.testing.assert_array_equal(votes.array, prediction.votes)


def test_variance_is_written_where_it_was_asked_for(tmp_path: Path) -> None:
    prediction = made_prediction(ball_labels())
    prediction = replace(prediction, variance=prediction.probabilities / 10)
    result, _ = run(tmp_path / "out", made_case(), prediction, ("nifti",))
    assert {"variance_gtvp.nii.gz", "variance_gtvn.nii.gz"} <= set(result.files)


def test_one_pass_has_no_mutual_information_and_says_so(tmp_path: Path) -> None:
    prediction = made_prediction(ball_labels())
    prediction = replace(prediction, mutual_information=None, votes=None, members=1)
    _, described = run(tmp_path / "out", made_case(), prediction, DEFAULT_FORMATS)
    assert "deterministic" in described["not_written"]["mutual_information.nii.gz"]
    assert described["voting"] is None
    assert "single answer" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_rtstruct_holds_the_classes_that_were_found(tmp_path: Path) -> None:
    labels = np.where(ball_labels() == 2, 0, ball_labels())
    run(tmp_path / "out", with_dicom(made_case()), made_prediction(labels), ("rtstruct",))
    dataset = pydicom.dcmread(tmp_path / "out" / "rtstruct.dcm")
    assert [roi.ROIName for roi in dataset.StructureSetROISequence] == ["GTVp"]
    assert dataset.ApprovalStatus == "UNAPPROVED"


def test_segmentation_and_map_say_what_the_other_outputs_say(tmp_path: Path) -> None:
    prediction = made_prediction(ball_labels())
    votes = np.full(GRID.shape, 10, dtype=np.int16)
    votes[0, 0, 0] = 1
    prediction = replace(prediction, votes=votes)
    formats = ("seg", "seg-fractional", "parametric-map")
    heard: list[float] = []
    result = export(
        with_dicom(made_case()),
        prediction,
        CARD,
        tmp_path / "out",
        formats=formats,
        started=STARTED,
        created=CREATED,
        progress=lambda fraction, _what: heard.append(fraction),
    )
    assert result.not_written == ()
    assert heard == sorted(heard)
    found = read_seg(tmp_path / "out" / "seg.dcm")
    first = round(float(GRID.to_index(np.array([found.grid.origin]))[0, 0]))
    planes = slice(first, first + found.grid.shape[0])
    for value, segment in enumerate(found.segments, start=1):
        np.testing.assert_array_equal(segment.array, prediction.labels[planes] == value)
        assert segment.array.sum() == (prediction.labels == value).sum()
    fractional = read_seg(tmp_path / "out" / "seg_fractional.dcm")
    for value, segment in enumerate(fractional.segments, start=1):
        off = np.abs(segment.array - prediction.probabilities[value])
        assert off.max() <= 1 / 510 + 1e-6
    values = pydicom.dcmread(tmp_path / "out" / "entropy_map.dcm").pixel_array
    expected = np.where(votes < 2, np.float32(-1), prediction.entropy)
    np.testing.assert_array_equal(values, expected)


def test_large_formats_come_on_request_alone(tmp_path: Path) -> None:
    assert {"seg-fractional", "parametric-map"}.isdisjoint(DEFAULT_FORMATS)
    empty = made_prediction(np.zeros(GRID.shape, dtype=np.uint8))
    p = np.zeros_like(empty.probabilities)
    p[0] = 1
    empty = replace(empty, probabilities=p)
    formats = ("seg", "seg-fractional", "parametric-map")
    result, _ = run(tmp_path / "out", with_dicom(made_case()), empty, formats)
    assert [n.name for n in result.not_written] == ["seg.dcm", "seg_fractional.dcm"]
    assert (tmp_path / "out" / "entropy_map.dcm").exists()  # doubt has no need of a tumour


def test_no_rtstruct_without_series_or_tumour_and_the_reason_is_said(tmp_path: Path) -> None:
    empty = np.zeros(GRID.shape, dtype=np.uint8)
    plain, _ = run(tmp_path / "a", made_case(), made_prediction(ball_labels()))
    nothing, described = run(
        tmp_path / "b", with_dicom(made_case()), made_prediction(empty), DEFAULT_FORMATS
    )
    assert plain.not_written[0].reason == "plain files have no DICOM series"
    assert described["not_written"] == {
        "rtstruct.dcm": "no tumour found",
        "seg.dcm": "no tumour found",
    }
    assert nothing.verdict() == described["verdict"] == "No tumour found"
    assert "<h1>No tumour found</h1>" in (tmp_path / "b" / "report.html").read_text("utf-8")


def test_what_is_no_tumour_is_never_sent_to_a_planning_system(tmp_path: Path) -> None:
    card = replace(CARD, classes="1 PTV70; 2 PTV63")
    case, prediction = with_dicom(made_case()), made_prediction(ball_labels())
    formats = tuple(name for name in FORMATS if name != "report")
    result = export(
        case, prediction, card, tmp_path / "out", formats=formats, started=STARTED, created=CREATED
    )
    assert not list((tmp_path / "out").glob("*.dcm"))
    assert (tmp_path / "out" / "labels.nii.gz").exists()
    assert result.notices[0].code == "no-tumours"
    assert "PTV70" in result.notices[0].text


def test_an_rtstruct_that_is_refused_becomes_a_warning(tmp_path: Path) -> None:
    case = with_dicom(made_case())
    assert case.dicom is not None
    moved = tuple((x + 5.0, y, z) for x, y, z in case.dicom.image_positions_mm)
    case = replace(case, dicom=replace(case.dicom, image_positions_mm=moved))
    _, described = run(tmp_path / "out", case, made_prediction(ball_labels()))
    assert "object-refused" in [w["code"] for w in described["warnings"]]
    assert "rtstruct.dcm" in described["not_written"]
    assert not (tmp_path / "out" / "rtstruct.dcm").exists()


def test_a_ct_without_frame_of_reference_gets_no_rtstruct_and_a_warning(tmp_path: Path) -> None:
    grid = replace(GRID, frame_of_reference="")
    case, prediction = with_dicom(made_case(grid)), made_prediction(ball_labels(grid), grid)
    _, described = run(tmp_path / "out", case, prediction)
    assert "object-refused" in [w["code"] for w in described["warnings"]]
    assert "(0020,0052)" in described["not_written"]["rtstruct.dcm"]


def test_unknown_formats_are_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(
        WrongCall, match="nifti, rtstruct, seg, report, seg-fractional, parametric-map"
    ):
        run(tmp_path / "out", made_case(), made_prediction(ball_labels()), ("nifti", "pdf"))
    assert not (tmp_path / "out").exists()


def test_a_prediction_on_another_grid_is_a_fault(tmp_path: Path) -> None:
    moved = replace(made_prediction(ball_labels()), grid=replace(GRID, origin=(0.0, 0.0, 0.0)))
    with pytest.raises(HnuisegError, match="grid"):
        run(tmp_path / "out", made_case(), moved)


def test_json_is_standard_versioned_and_names_no_patient(tmp_path: Path) -> None:
    case = with_dicom(made_case())
    _, described = run(tmp_path / "out", case, made_prediction(ball_labels()), DEFAULT_FORMATS)
    assert described["format"] == 1
    assert described["research_use_only"] is True
    assert described["approval"] == "UNAPPROVED"
    assert described["mode"] == "PET/CT"
    assert described["created"] == "2026-01-02T03:05:05+00:00"
    assert described["elapsed_s"] == 60.0
    for name in ("result.json", "report.html"):
        text = (tmp_path / "out" / name).read_text("utf-8")
        for private in (PATIENT.patient_name, PATIENT.patient_id, PATIENT.patient_birth_date):
            assert private not in text


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    labels = np.where(ball_labels() == 2, 0, ball_labels())  # one picture is enough
    case, prediction = with_dicom(made_case()), made_prediction(labels)
    result, _ = run(tmp_path / "a", case, prediction, DEFAULT_FORMATS)
    run(tmp_path / "b", case, prediction, DEFAULT_FORMATS)
    for name in result.files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_ct_alone_is_said_everywhere(tmp_path: Path) -> None:
    case = made_case(with_pet=False)
    result, described = run(tmp_path / "out", case, made_prediction(ball_labels()), DEFAULT_FORMATS)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert described["mode"] == "CT"
    assert "the CT alone" in result.summary()
    assert "the CT alone" in page
    assert "SUVmax" not in page


def test_report_and_json_show_the_same_numbers(tmp_path: Path) -> None:
    _, described = run(
        tmp_path / "out", made_case(), made_prediction(ball_labels()), DEFAULT_FORMATS
    )
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    body = page.split("<tbody>")[1].split("</tbody>")[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in body.split("</tr>")]
    shown = [[re.sub(r"<[^>]*>", "", cell).strip() for cell in row] for row in rows]
    for row, lesion in zip(shown, described["lesions"], strict=False):
        assert row[0] == f"{lesion['class']} {lesion['number']}"
        numbers = [
            lesion["volume_ml"],
            lesion["pet"]["suv_max"],
            lesion["pet"]["suv_mean"],
            lesion["pet"]["suv_peak"],
            lesion["mean_probability"],
            lesion["mean_entropy"],
            lesion["max_entropy"],
        ]
        assert row[1:8] == [f"{number:.2f}" for number in numbers]
    x, y, z = described["lesions"][1]["centroid_mm"]  # right, back, head
    assert shown[1][8] == f"{-x:.0f} R · {y:.0f} P · {z:.0f} H"
    assert [row[1] for row in shown[3:5]] == [
        f"{described['totals'][name]['volume_ml']:.2f}" for name in ("GTVp", "GTVn")
    ]


def test_the_report_stands_alone_and_escapes_what_it_was_given(tmp_path: Path) -> None:
    case = made_case()
    run(tmp_path / "out", case, made_prediction(ball_labels()), ("report",))
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    words = re.sub(r"base64,[^\"]*", "", page)
    assert not re.search(r"https?:|//|<script|<link|@import|url\(", words, re.IGNORECASE)
    assert page.count("data:image/png;base64,") == 4  # three lesions and the projections
    assert page.count("<img") == 4
    assert "RESEARCH USE ONLY" in page
    assert html.escape(case.notices[0].text) in page
    assert "<thigh>" not in page
    assert page.index("RESEARCH USE ONLY") < page.index("<h1>3 lesions found") < page.index("<img")


def test_voxels_not_sampled_are_marked_in_the_report(tmp_path: Path) -> None:
    made = made_prediction(ball_labels())
    assert made.votes is not None
    votes = made.votes.copy()
    votes[:, :, :10] = 1
    _, described = run(tmp_path / "out", made_case(), replace(made, votes=votes), ("report",))
    assert described["voting"]["not_sampled_voxels"] == 16 * 40 * 10
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Not sampled:" in page
    assert "not sampled." in page  # the caption of what is darkened


def test_what_is_too_doubtful_to_be_drawn_is_said_everywhere(tmp_path: Path) -> None:
    left_out = (
        NotDrawn("GTVn", 0.31, 0.75, (12.0, -4.0, 100.5)),
        NotDrawn("GTVn", 0.1, 0.5, (1.0, 2.0, 3.0)),
    )
    prediction = replace(made_prediction(ball_labels()), not_drawn=left_out)
    result, described = run(tmp_path / "out", made_case(), prediction, DEFAULT_FORMATS)
    assert described["not_drawn"] == [
        {
            "class_name": "GTVn",
            "volume_ml": 0.31,
            "peak_probability": 0.75,
            "inside_mm": [12.0, -4.0, 100.5],
        },
        {
            "class_name": "GTVn",
            "volume_ml": 0.1,
            "peak_probability": 0.5,
            "inside_mm": [1.0, 2.0, 3.0],
        },
    ]
    said = "2 GTVn (largest 0.31 ml)"
    assert said in result.summary()
    assert said in (tmp_path / "out" / "report.html").read_text("utf-8")
    plain, described = run(tmp_path / "all", made_case(), made_prediction(ball_labels()))
    assert described["not_drawn"] == []
    assert "Not drawn" not in plain.summary()


def test_the_summary_is_short_and_complete(tmp_path: Path) -> None:
    result, _ = run(tmp_path / "out", made_case(), made_prediction(ball_labels()))
    lines = result.summary().splitlines()
    assert lines[0] == "3 lesions found: 1 GTVp (4.1 ml), 2 GTVn (1.6 ml), from PET and CT"
    assert any(line.startswith("warning: ") for line in lines)
    assert any("rtstruct.dcm" in line and line.startswith("not written") for line in lines)


def test_regions_by_lesion_smoothed_read_back_as_the_lesions(tmp_path: Path) -> None:
    prediction = made_prediction(ball_labels())
    export(
        with_dicom(made_case()),
        prediction,
        CARD,
        tmp_path / "out",
        formats=("rtstruct",),
        started=STARTED,
        created=CREATED,
        contours=Contours("lesion", 0.3),
    )
    found = read_rtstruct(tmp_path / "out" / "rtstruct.dcm", GRID)
    for value, name in ((1, "GTVp"), (2, "GTVn")):
        masks = [mask for roi, mask in found.masks.items() if roi.startswith(name)]
        assert all(components(mask)[1] == 1 for mask in masks)
        np.testing.assert_array_equal(np.any(masks, axis=0), prediction.labels == value)
