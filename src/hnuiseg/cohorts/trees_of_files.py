"""Small trees as cohorts of image files are delivered, from phantoms, quirks included.

So every reader can be tried without the cohort itself. Each function returns the truth by case, for
the cases that can be read; what else is in the tree has to be left out, and said.
"""

import lzma
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from hnuiseg.cohorts.openkbp_files import SIDE
from hnuiseg.cohorts.phantom import Variant, phantom
from hnuiseg.files import write_nifti
from hnuiseg.volume import Grid, Triple, Volume

SPACING: Triple = (8.0, 6.0, 6.0)
_WHOLE: Triple = (3.0, 4.0, 4.0)  # at which a phantom fits into OpenKBP's 128 voxels a side
SUV_PER_BQML = 3.1e-4  # of the patient whose PET was given out in Bq/ml


def write_hecktor_tree(folder: Path, edition: int, seed: int = 0) -> dict[str, Volume]:
    """HECKTOR 2022, 2025 or 2026.

    CHUM-001 is as it should be; CHUP-002 has a label with a row too many and no node; MDA-003 no
    PET; CHUV-004 metal of 27,000 HU and, in 2022, an underscore in its label's name; CHUS-005 no
    label; HGJ-006 a file that is cut off; MDA-300 a PET in Bq/ml (`SUV_PER_BQML`).
    """
    truth = {}
    for index, name in enumerate(
        ("CHUM-001", "CHUP-002", "MDA-003", "CHUV-004", "CHUS-005", "HGJ-006", "MDA-300")
    ):
        variant = Variant(primary=True, nodes=name != "CHUP-002", pet=name != "MDA-003")
        made = phantom(seed, index, variant=variant, spacing=SPACING)
        images, labels = _hecktor_places(folder, edition, name)
        if name == "CHUV-004":
            metal = made.ct.array.copy()
            metal[made.truth.array.shape[0] // 2, 2:4, 2:4] = 27_000
            made = replace(made, ct=Volume(metal, made.ct.grid, "HU"))
        if made.pet is not None and name == "MDA-300":
            activity = (made.pet.array / np.float32(SUV_PER_BQML)).astype(np.float32)
            made = replace(made, pet=Volume(activity, made.pet.grid, "Bq/ml"))
        images.mkdir(parents=True, exist_ok=True)
        labels.parent.mkdir(parents=True, exist_ok=True)
        write_nifti(made.ct, images / f"{name}__CT.nii.gz")
        if made.pet is not None:
            write_nifti(made.pet, images / f"{name}__PT.nii.gz")
        if name != "CHUS-005":
            write_nifti(_one_row_more(made.truth) if name == "CHUP-002" else made.truth, labels)
        if name == "HGJ-006":
            ct = images / f"{name}__CT.nii.gz"
            ct.write_bytes(ct.read_bytes()[:5000])
        elif name != "CHUS-005":
            truth[name] = made.truth
    _hecktor_extras(folder, edition)
    return truth


def write_openkbp_tree(folder: Path, *, packed: bool, seed: int = 0) -> dict[str, Volume]:
    """Patients pt_1 with targets and pt_2 with PTV70 alone, in the CSV layout or packed."""
    truth = {}
    for index, patient in enumerate(("pt_1", "pt_2")):
        made = phantom(seed, index, spacing=SPACING)
        grid = Grid.axial((SIDE, SIDE, SIDE), (2.5, 3.9, 3.7))
        hu = np.full(grid.shape, -1000.0, dtype=np.float32)
        labels = np.zeros(grid.shape, dtype=np.uint8)
        z, y, x = (min(n, SIDE) for n in made.ct.grid.shape)
        hu[:z, :y, :x] = made.ct.array[:z, :y, :x].round()
        labels[:z, :y, :x] = made.truth.array[:z, :y, :x]
        if index:
            labels[labels == 2] = 0
        stored = np.clip(hu + 1000.0, 0, 4095)[::-1].transpose(1, 2, 0)  # to i, j, k
        drawn = labels[::-1].transpose(1, 2, 0)
        masks = {"PTV70": drawn == 1, "PTV63": drawn == 2} if not index else {"PTV70": drawn == 1}
        (_write_packed if packed else _write_csv)(folder, patient, stored, masks)
        truth[patient] = Volume(labels, grid, "label")
    return truth


def write_planning_tree(folder: Path, patients: int = 2, seed: int = 0) -> None:
    """Packed patients pt_1, pt_2, … of OpenKBP that cover a whole neck, and pt_900, which doesn't.

    PTV70 is the phantom's primary and 6 mm round it, PTV63 the nodes so; no organ is contoured.
    """
    for index, number in enumerate([*range(1, patients + 1), 900]):
        made = phantom(seed, index, variant=Variant(primary=True, nodes=True), spacing=_WHOLE)
        hu = np.full((SIDE, SIDE, SIDE), -1000.0, dtype=np.float32)
        drawn = np.zeros(hu.shape, dtype=np.uint8)
        z, y, x = made.ct.grid.shape
        z = 30 if number == 900 else z
        hu[:z, :y, :x] = made.ct.array[:z].round()
        drawn[:z, :y, :x] = made.truth.array[:z]
        stored = np.clip(hu + 1000.0, 0, 4095)[::-1].transpose(1, 2, 0)
        masks = {}
        for name, value in (("PTV70", 1), ("PTV63", 2)):
            wide = ndimage.binary_dilation(drawn == value, iterations=2) & (hu > -500)
            masks[name] = wide[::-1].transpose(1, 2, 0)
        dz, dy, dx = _WHOLE
        _write_packed(folder, f"pt_{number}", stored, masks, (dy, dx, dz))


def write_folder_tree(folder: Path, seed: int = 0, patients: int = 2) -> dict[str, Volume]:
    """Cases a1, b-2, p2, … as `{id}/ct.nii.gz`, `{id}/pet.nii.gz`, `{id}/mask.nii.gz`.

    And c, which has no mask.
    """
    truth = {}
    names = [*["a1", "b-2"][:patients], *(f"p{n}" for n in range(2, patients)), "c"]
    for index, name in enumerate(names):
        made = phantom(seed, index, variant=Variant(pet=True), spacing=SPACING)
        assert made.pet is not None
        (folder / name).mkdir(parents=True)
        write_nifti(made.ct, folder / name / "ct.nii.gz")
        write_nifti(made.pet, folder / name / "pet.nii.gz")
        if name != "c":
            write_nifti(made.truth, folder / name / "mask.nii.gz")
            truth[name] = made.truth
    (folder / "readme.txt").write_text("not a case")
    return truth


def _hecktor_places(folder: Path, edition: int, name: str) -> tuple[Path, Path]:
    """Where a patient's images lie, and the label's file."""
    if edition == 2022:
        label = name.replace("-", "_") if name == "CHUV-004" else name
        return folder / "imagesTr", folder / "labelsTr" / f"{label}.nii.gz"
    top = folder / ("Task 1" if edition == 2025 else "hecktor2026_training")
    return top / name, top / name / f"{name}.nii.gz"


def _hecktor_extras(folder: Path, edition: int) -> None:
    """What lies around in such folders and isn't a case to learn from."""
    table = "PatientID,Center ID,Age\nCHUM-001,7,60\nMDA-003,5,61\n"
    names = {2022: "hecktor2022_clinical_info_training.csv", 2026: "HECKTOR_2026_Training.csv"}
    name = names.get(edition, "HECKTOR_2025_Training_Task_1.csv")
    (folder / name).write_text(table, encoding="utf-8-sig")
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "CHUM-001__CT.nii.gz").write_bytes(b"\0")
    image = Volume(np.zeros((2, 3, 4), np.float32), Grid.axial((2, 3, 4), (1.0, 1.0, 1.0)), "HU")
    if edition == 2022:
        (folder / "imagesTs").mkdir()
        write_nifti(image, folder / "imagesTs" / "USZ-001__CT.nii.gz")
    if edition == 2025:
        other = folder / "Task 2" / "CHUM-001"
        other.mkdir(parents=True)
        # the scan once more, without a label
        for kind in ("__CT", "__PT", "__CTPlanning", "__RTDOSE", "__dosimetry_CT"):
            write_nifti(image, other / f"CHUM-001{kind}.nii.gz")


def _one_row_more(truth: Volume) -> Volume:
    """As 48 of 524 labels of 2022: the same voxels, and a row and a column before them."""
    z, y, x = truth.grid.shape
    more = np.zeros((z, y + 1, x + 1), dtype=np.uint8)
    more[:, 1:, 1:] = truth.array
    return Volume(more, truth.grid.cropped((0, -1, -1), more.shape), "label")


def _write_csv(
    folder: Path, patient: str, stored: np.ndarray, masks: dict[str, np.ndarray]
) -> None:
    place = folder / "provided-data" / "train-pats" / patient
    place.mkdir(parents=True)
    flat = stored.ravel()
    there = np.flatnonzero(flat)
    rows = "".join(f"{k},{flat[k]:.1f}\n" for k in there)
    (place / "ct.csv").write_text(f",data\n{rows}")
    for name, mask in masks.items():
        rows = "".join(f"{k},\n" for k in np.flatnonzero(mask.ravel()))
        (place / f"{name}.csv").write_text(f",data\n{rows}")
    (place / "voxel_dimensions.csv").write_text("3.9\n3.7\n2.5\n")
    (place / "dose.csv").write_text(",data\n1,0.5\n")


def _write_packed(
    folder: Path,
    patient: str,
    stored: np.ndarray,
    masks: dict[str, np.ndarray],
    spacing: Triple = (3.9, 3.7, 2.5),
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    steps = np.diff(stored.astype(np.int32), axis=-1, prepend=0)
    q = np.where(steps >= 0, 2 * steps, -2 * steps - 1)
    values = np.concatenate([(q >> 8).ravel(), (q & 255).ravel()]).astype(np.uint8)
    bits = np.packbits(np.stack(list(masks.values())).ravel())
    np.savez(
        folder / f"{patient}.npz",
        split=np.array("train"),
        spacing=np.array(spacing),
        names=np.array(list(masks)),
        ct_xz=np.frombuffer(lzma.compress(values.tobytes(), preset=1), dtype=np.uint8),
        masks_xz=np.frombuffer(lzma.compress(bits.tobytes(), preset=1), dtype=np.uint8),
    )
