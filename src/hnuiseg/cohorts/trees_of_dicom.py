"""Small trees of DICOM files, laid out as H&N1 and as a clinic's are, made of phantoms.

With what such trees have besides: odd names of regions, several drawings, files of other kinds,
patients of whom something is missing. Whoever writes a reader of cohorts tries it on these.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ImplicitVRLittleEndian, MediaStorageDirectoryStorage

from hnuiseg.cohorts.phantom import Phantom, Variant, phantom
from hnuiseg.dicom import (
    DicomReference,
    NewSeries,
    PatientStudy,
    PetAcquisition,
    Structure,
    dicom_bytes,
    read_series,
    rtstruct,
    scan_folder,
    suvbw_factor,
    write_ct_series,
    write_pet_series,
)
from hnuiseg.volume import Grid, Triple, Volume

# Nobody was scanned; fixed days keep the bytes the same on every machine.
_SCANNED = datetime(2026, 1, 15, 10, 0, 0)
_DRAWN, _DRAWN_AGAIN = _SCANNED + timedelta(days=1), _SCANNED + timedelta(days=9)
_DOSE_BQ, _HALF_LIFE_S, _UPTAKE_S = 300e6, 6586.2, 3600.0
_COARSE: Triple = (8.0, 6.0, 6.0)  # z, y, x; mm: a case is read in a third of a second
_COLOUR = (220, 50, 32)
_GTV = ("GTVp", "GTVn")

Masks = Mapping[str, Bool[np.ndarray, "z y x"]]


def write_hn1_tree(folder: Path, seed: int = 0, spacing: Triple = _COARSE) -> dict[str, Volume]:
    """TCIA's tree of five patients in an empty folder; the truth of those that can be read.

    HN1004 plain, but for regions `GTV-1` and `GTVn_[r2a]`; HN1006 drawn twice; HN1012 not drawn;
    HN1022 with a PET without body weight; HN1026 with an RTSTRUCT that is cut off.
    """
    collection = folder / "manifest-1" / "HEAD-NECK-RADIOMICS-HN1"
    _other_files(folder / "manifest-1")
    truths = {}
    for index, name in enumerate(("HN1004", "HN1006", "HN1012", "HN1022", "HN1026")):
        study = collection / name / "01-15-2026-NA-NA-10001"
        scan = _Scan.of(name, seed, index, spacing, pet=name == "HN1022")
        ct = scan.write_ct(study / "1.000000-NA-20001")
        if scan.made.pet is not None:
            scan.write_pet(study / "2.000000-NA-20002", weight_kg=None)
        truth = scan.made.truth
        drawn = _drawing(truth.grid, ct, _regions(truth, ("GTV-1", "GTVn_[r2a]")), _DRAWN)
        if name == "HN1026":
            drawn = drawn[: len(drawn) // 2]
        if name != "HN1012":
            _write(study / "3.000000-NA-20003" / "1-1.dcm", drawn)
        if name == "HN1006":
            again = _drawing(truth.grid, ct, _regions(truth, _GTV), _DRAWN_AGAIN)
            _write(study / "3.000000-NA-20003" / "1-1.dcm", again)
            earlier = _regions(_shifted(truth), ("GTV-1", "GTV-2"))
            _write(study / "4.000000-NA-20004" / "1-1.dcm", _drawing(truth.grid, ct, earlier))
        if name not in ("HN1012", "HN1026"):
            truths[name] = truth
    _other_files(collection / "HN1004")
    return truths


def write_clinic_tree(folder: Path, seed: int = 0, spacing: Triple = _COARSE) -> dict[str, Volume]:
    """A clinic's tree of six patients in an empty folder; the truth of cases that can be read.

    P001 with folders in folders, in PRI one RTSTRUCT and one region of another drawn on the PET;
    P002 with the patient in the folders' names and all files of a study in one; P003 has no
    PRI; P004's PRI isn't drawn; P005 has neither; P006's planning CT is there with another CT.
    """
    _other_files(folder)
    (folder / "P005" / "notes").mkdir(parents=True)
    truths = {}

    def scan(case: str, index: int) -> _Scan:
        made = _Scan.of(case, seed, index, spacing, pet=case.endswith("PRI"))
        truths[case] = made.made.truth
        return made

    for index, (case, place) in enumerate(
        {"P001-PRI": "P001/PRI", "P002-PRI": "P002_PRI", "P004-PRI": "P004/PRI-staging"}.items()
    ):
        pri = scan(case, index)
        flat = "/" not in place
        ct = pri.write_ct(folder / place / ("" if flat else "study/ct"))
        pet = pri.write_pet(folder / place / ("" if flat else "study/pet"), weight_kg=75.0)
        if case == "P004-PRI":
            del truths[case]
            continue
        truth = pri.made.truth
        drawn = _structure_set(truth.grid, ct, _regions(truth, ("GTVp", "GTV Node")), _DRAWN)
        if case == "P001-PRI":
            assert pri.made.pet is not None  # it was asked for
            hot = {"gtv pet": pri.made.pet.array > 6.0}
            on_pet = _structure_set(pri.made.pet.grid, pet, hot, _DRAWN_AGAIN)
            _write(folder / place / "study" / "pet_contours.dcm", dicom_bytes(on_pet))
            drawn = _joined(drawn, on_pet)
        _write(folder / place / "contours.dcm", dicom_bytes(drawn))
    for index, (case, place) in enumerate(
        {
            "P001-PLAN": "P001/PLAN",
            "P002-PLAN": "P002_PLAN",
            "P003-PLAN": "P003 plan",
            "P004-PLAN": "P004/second/Plan_CT",
            "P006-PLAN": "P006/PLAN",
        }.items(),
        start=100,
    ):
        plan = scan(case, index)
        ct = plan.write_ct(folder / place / "ct")
        truth = plan.made.truth
        _write(
            folder / place / "rs.dcm", _drawing(truth.grid, ct, _regions(truth, ("GTV_P", "GTVgg")))
        )
        if case == "P006-PLAN":
            _Scan.of("P006-OLD", seed, 200, spacing, pet=False).write_ct(folder / place / "old")
    return truths


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    """A phantom, and what its files say of whom it is."""

    made: Phantom
    patient: PatientStudy
    number: int

    @classmethod
    def of(cls, case: str, seed: int, index: int, spacing: Triple, *, pet: bool) -> "_Scan":
        variant = Variant(primary=True, nodes=True, pet=pet)
        number = (seed + 1) * 1_000_003 + index
        name = case.split("-", maxsplit=1)[0]
        patient = PatientStudy(
            f"Phantom^{name}",
            name,
            "",
            "O",
            f"2.25.{number}0",
            *(_SCANNED.strftime("%Y%m%d"), _SCANNED.strftime("%H%M%S")),
            *("1", "", ""),
        )
        return cls(phantom(seed, index, variant=variant, spacing=spacing), patient, number)

    def write_ct(self, folder: Path) -> DicomReference:
        write_ct_series(self.made.ct, folder, self._new(1, "CT"))
        return _reference(folder, "CT")

    def write_pet(self, folder: Path, weight_kg: float | None) -> DicomReference:
        pet = self.made.pet
        assert pet is not None  # it was asked for
        factor = suvbw_factor(weight_kg or 75.0, _DOSE_BQ, _HALF_LIFE_S, _UPTAKE_S)
        acquisition = PetAcquisition(
            weight_kg,
            None,
            _DOSE_BQ,
            _HALF_LIFE_S,
            _SCANNED - timedelta(seconds=_UPTAKE_S),
            _SCANNED,
            180.0,
        )
        activity = Volume(pet.array / np.float32(factor), pet.grid, "Bq/ml")
        write_pet_series(activity, folder, self._new(2, "PET AC"), acquisition)
        return _reference(folder, "PT")

    def _new(self, series: int, description: str) -> NewSeries:
        frame = self.made.ct.grid.frame_of_reference
        uid = f"2.25.{self.number}{series}"
        return NewSeries(self.patient, uid, series, description, frame, description)


def _reference(folder: Path, modality: str) -> DicomReference:
    (series,) = (s for s in scan_folder(folder).series if s.modality == modality)
    return read_series(series).reference


def _regions(truth: Volume, names: tuple[str, str]) -> Masks:
    """The truth under other names, beside organs and a target volume of planning."""
    box = np.zeros(truth.array.shape, dtype=bool)
    box[3:6, 10:14, 20:30] = True
    masks = {names[k]: truth.array == k + 1 for k in range(2)}
    return {"BODY": box, **masks, "Parotid_L": np.roll(box, 9, axis=2), "PTV_GTVp": box}


def _shifted(truth: Volume) -> Volume:
    return replace(truth, array=np.roll(truth.array, 4, axis=1))


def _drawing(
    grid: Grid, reference: DicomReference, masks: Masks, created: datetime = _DRAWN
) -> bytes:
    return dicom_bytes(_structure_set(grid, reference, masks, created))


def _structure_set(
    grid: Grid, reference: DicomReference, masks: Masks, created: datetime
) -> FileDataset:
    structures = [
        Structure(name, number, mask, _COLOUR)
        for number, (name, mask) in enumerate(masks.items(), start=1)
    ]
    return rtstruct(
        structures,
        grid,
        reference,
        label="Phantom truth",
        description="What was planted in the phantom",
        created=created,
        uid_entropy="tree",
        software="hnuiseg",
    )


def _joined(one: FileDataset, other: FileDataset) -> FileDataset:
    """The regions of both in the first, each with the images that it was drawn on."""
    (frame,), (more,) = (d.ReferencedFrameOfReferenceSequence for d in (one, other))
    frame.RTReferencedStudySequence.extend(more.RTReferencedStudySequence)
    for roi, region in zip(other.StructureSetROISequence, other.ROIContourSequence, strict=True):
        number = len(one.StructureSetROISequence) + 1
        roi.ROINumber = region.ReferencedROINumber = number
        one.StructureSetROISequence.append(roi)
        one.ROIContourSequence.append(region)
    return one


def _other_files(folder: Path) -> None:
    """What download tools, burners and desktops leave beside images."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = UID("2.25.7")
    directory = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    directory.FileSetID = "TREE"
    for name, content in {
        "LICENSE": b"Whoever uses this has read it.\n",
        "metadata.csv": b"Series UID,Collection\n",
        ".DS_Store": b"\0\0\0\1Bud1",
        "DICOMDIR": dicom_bytes(directory),
    }.items():
        _write(folder / name, content)
    _write(folder / ".cache" / "PLAN" / "HN9999" / "left.dcm", b"")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
