"""CT and PET volumes as DICOM image series: phantoms, and images that came as plain files.

The same arguments give the same bytes: UIDs are hashes, and no clock is read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, expm1, log
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int16
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    generate_uid,
)
from pydicom.valuerep import format_number_as_ds

from hnuiseg.dicom.reference import PatientStudy
from hnuiseg.errors import OutputFailed
from hnuiseg.volume import Grid, Volume
from hnuiseg.volume.volume import Unit

_CT_INTERCEPT = -1024
_FLUORINE_18_S = 6586.2  # half-life; scanners write 6586 to 6588


@dataclass(frozen=True, slots=True)
class NewSeries:
    """What a new image series says about itself."""

    patient: PatientStudy
    series_instance_uid: str
    series_number: int
    description: str  # at most 64 characters
    frame_of_reference: str  # UID; CT and PET share it where they are registered
    uid_root_entropy: str  # the UIDs of the images are hashes of this, the series and the index


@dataclass(frozen=True, slots=True)
class PetAcquisition:
    """What SUVbw needs besides the voxels. None: the header doesn't say."""

    weight_kg: float | None
    height_m: float | None
    dose_bq: float  # at injection
    half_life_s: float
    injection_time: datetime
    series_time: datetime  # start of the acquisition, to which decay is corrected
    frame_duration_s: float


def write_ct_series(ct: Volume, folder: Path, new: NewSeries) -> tuple[Path, ...]:
    """One CT Image file for each slice (first array axis), in that order.

    Whole HU from -33792 to 31743 are kept exactly, fractions are rounded to whole HU.
    Raises OutputFailed for other values, a skewed grid, or a folder that can't be written.
    Source: DICOM PS3.3 A.3.
    """
    _require_unit(ct, "HU")
    _require_slices(ct.grid)
    _require_int16(ct.array, _CT_INTERCEPT)

    def image(index: int) -> Dataset:
        stored = np.rint(np.asarray(ct.array[index], dtype=np.float64)) - _CT_INTERCEPT
        image = _image(CTImageStorage, "CT", ct.grid, index, new)
        image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.PatientPosition = None  # how the patient lay in a scanner isn't known
        image.KVP = None
        image.AcquisitionNumber = None
        image.RescaleIntercept = str(_CT_INTERCEPT)
        image.RescaleSlope = "1"
        image.RescaleType = "HU"
        _set_pixels(image, stored.astype(np.int16))
        return image

    return _write(image, ct.grid.shape[0], folder, "ct")


def write_pet_series(
    pet_bqml: Volume, folder: Path, new: NewSeries, acquisition: PetAcquisition
) -> tuple[Path, ...]:
    """One PET Image file for each slice (first array axis), in that order.

    Units BQML, corrected for attenuation and for decay to the start of the series. Every
    slice has its own rescale slope, so that values are right within 1/65534 of the largest
    magnitude in the slice. Times are written as given; with a time zone, so is its offset.

    Raises OutputFailed for values that aren't finite, times of which only one has a zone,
    a skewed grid, or a folder that can't be written. Source: DICOM PS3.3 A.21.
    """
    _require_unit(pet_bqml, "Bq/ml")
    _require_slices(pet_bqml.grid)
    if not np.isfinite(pet_bqml.array).all():
        raise OutputFailed("a PET with values that aren't finite", "finite Bq/ml", "mend the image")
    acquisition = _one_clock(acquisition)

    def image(index: int) -> Dataset:
        pixels, slope = _stored_pet(np.asarray(pet_bqml.array[index], dtype=np.float64))
        image = _image(PositronEmissionTomographyImageStorage, "PT", pet_bqml.grid, index, new)
        image.ImageType = ["ORIGINAL", "PRIMARY"]
        image.RescaleIntercept = "0"
        image.RescaleSlope = slope
        _describe_acquisition(image, acquisition)
        image.NumberOfSlices = pet_bqml.grid.shape[0]
        image.ImageIndex = index + 1
        _set_pixels(image, pixels)
        return image

    return _write(image, pet_bqml.grid.shape[0], folder, "pet")


def repeat_patient(dataset: Dataset, patient: PatientStudy) -> None:
    """Writes the patient and study attributes as they came, empty ones too.

    They aren't checked: a derived object must name the patient exactly as its source does,
    even where the source breaks a rule of length or format.
    """
    for keyword, value in (
        ("PatientName", patient.patient_name),
        ("PatientID", patient.patient_id),
        ("PatientBirthDate", patient.patient_birth_date),
        ("PatientSex", patient.patient_sex),
        ("StudyInstanceUID", patient.study_instance_uid),
        ("StudyDate", patient.study_date),
        ("StudyTime", patient.study_time),
        ("StudyID", patient.study_id),
        ("AccessionNumber", patient.accession_number),
        ("ReferringPhysicianName", patient.referring_physician),
    ):
        tag = tag_for_keyword(keyword)
        assert tag is not None
        dataset.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE))


def _image(sop_class: str, modality: str, grid: Grid, index: int, new: NewSeries) -> Dataset:
    """Everything that CT and PET slices have in common, without pixels."""
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID = sop_class
    image.SOPInstanceUID = generate_uid(
        entropy_srcs=[f"{new.uid_root_entropy}|{new.series_instance_uid}|{modality}|{index}"]
    )
    repeat_patient(image, new.patient)
    image.Modality = modality
    image.SeriesInstanceUID = new.series_instance_uid
    image.SeriesNumber = new.series_number
    image.SeriesDescription = new.description
    image.Manufacturer = "hnuiseg"
    image.Laterality = None  # which part of the body this is isn't known here
    image.FrameOfReferenceUID = new.frame_of_reference
    image.PositionReferenceIndicator = None
    image.InstanceNumber = index + 1
    _, y, x = grid.direction
    spacing_z, spacing_y, spacing_x = (_ds(value) for value in grid.spacing)
    image.PixelSpacing = [spacing_y, spacing_x]
    image.SliceThickness = spacing_z
    image.ImageOrientationPatient = [_ds(value) for value in (*x, *y)]
    position = grid.to_world(np.array([[index, 0.0, 0.0]]))[0]
    image.ImagePositionPatient = [_ds(value) for value in position]
    return image


def _describe_acquisition(image: Dataset, acquisition: PetAcquisition) -> None:
    start, injected = acquisition.series_time, acquisition.injection_time
    if start.tzinfo is not None:
        image.TimezoneOffsetFromUTC = start.strftime("%z")
    if acquisition.weight_kg is not None:
        image.PatientWeight = _ds(acquisition.weight_kg)
    if acquisition.height_m is not None:
        image.PatientSize = _ds(acquisition.height_m)
    image.SeriesDate = image.AcquisitionDate = start.strftime("%Y%m%d")
    image.SeriesTime = image.AcquisitionTime = start.strftime("%H%M%S.%f")
    image.Units = "BQML"
    image.CountsSource = "EMISSION"
    image.SeriesType = ["WHOLE BODY", "IMAGE"]
    image.CorrectedImage = ["ATTN", "DECY"]
    image.DecayCorrection = "START"
    image.CollimatorType = None
    image.ActualFrameDuration = round(acquisition.frame_duration_s * 1000)
    image.DoseCalibrationFactor = None
    # The time at which activity equals its mean over the frame (DICOM PS3.3 C.8.9.4.1.5):
    # readers that count back from it arrive at the series time.
    decay = log(2) / acquisition.half_life_s
    duration = decay * acquisition.frame_duration_s
    mean_s = log(duration / -expm1(-duration)) / decay if duration > 0 else 0.0
    image.FrameReferenceTime = _ds(mean_s * 1000)
    image.DecayFactor = _ds(exp(decay * mean_s))
    tracer = Dataset()
    tracer.RadiopharmaceuticalStartDateTime = injected.strftime("%Y%m%d%H%M%S.%f")
    tracer.RadiopharmaceuticalStartTime = injected.strftime("%H%M%S.%f")
    tracer.RadionuclideTotalDose = _ds(acquisition.dose_bq)
    tracer.RadionuclideHalfLife = _ds(acquisition.half_life_s)
    tracer.RadionuclideCodeSequence = Sequence()
    if abs(acquisition.half_life_s - _FLUORINE_18_S) < 5:
        nuclide = Dataset()
        nuclide.CodeValue = "77004003"
        nuclide.CodingSchemeDesignator = "SCT"
        nuclide.CodeMeaning = "^18^Fluorine"
        tracer.RadionuclideCodeSequence.append(nuclide)
    image.RadiopharmaceuticalInformationSequence = [tracer]
    image.PatientOrientationCodeSequence = Sequence()
    image.PatientGantryRelationshipCodeSequence = Sequence()


def _one_clock(acquisition: PetAcquisition) -> PetAcquisition:
    """The injection in the zone of the series, where both have one."""
    start, injected = acquisition.series_time, acquisition.injection_time
    if (start.tzinfo is None) != (injected.tzinfo is None):
        raise OutputFailed(
            "an injection time and a series time of which only one has a time zone",
            "both with a zone, or both local",
            "state both on one clock",
        )
    if injected.tzinfo is not None:
        injected = injected.astimezone(start.tzinfo)
    if not timedelta(0) <= start - injected:
        raise OutputFailed(
            "a series time before the injection", "the injection first", "correct the times"
        )
    return PetAcquisition(
        acquisition.weight_kg,
        acquisition.height_m,
        acquisition.dose_bq,
        acquisition.half_life_s,
        injected,
        start,
        acquisition.frame_duration_s,
    )


def _stored_pet(values: Float[np.ndarray, "y x"]) -> tuple[Int16[np.ndarray, "y x"], str]:
    """Signed 16-bit numbers and the slope, as written, that turns them into Bq/ml."""
    largest = float(np.abs(values).max())
    slope = _ds(largest / 32767) if largest > 0 else "1"
    stored = np.clip(np.rint(values / float(slope)), -32767, 32767)  # slope's last digit
    return stored.astype(np.int16), slope


def _set_pixels(image: Dataset, pixels: Int16[np.ndarray, "y x"]) -> None:
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = pixels.shape
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit = 15
    image.PixelRepresentation = 1
    image.PixelData = pixels.astype("<i2").tobytes()
    image["PixelData"].VR = "OW"


def _write(
    image_of: Callable[[int], Dataset], slices: int, folder: Path, stem: str
) -> tuple[Path, ...]:
    """Writes slice by slice: memory doesn't grow with their number."""
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(slices):
            image = image_of(index)
            image.file_meta = FileMetaDataset()
            image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            path = folder / f"{stem}_{index + 1:04d}.dcm"
            image.save_as(path, enforce_file_format=True)
            paths.append(path)
    except OSError as fault:
        # pydicom wraps what the system said in an error of its own
        reason = fault.strerror or getattr(fault.__cause__, "strerror", None) or "refused"
        raise OutputFailed(
            f"the series folder {folder.name} can't be written ({reason})",
            "a folder that can be written, with room on the disk",
            "choose another folder or free some space",
        ) from fault
    return tuple(paths)


def _ds(value: float) -> str:
    """A decimal string of at most 16 characters, as exact as that allows."""
    number = float(value)
    return format_number_as_ds(number if number != 0 else 0.0)  # no "-0.0"


def _require_unit(volume: Volume, unit: Unit) -> None:
    if volume.unit != unit:
        raise OutputFailed(f"an image in {volume.unit}", unit, "convert the image first")


def _require_int16(values: np.ndarray, intercept: int) -> None:
    lowest, highest = np.rint(values.min()), np.rint(values.max())  # NaN if any is
    if not (lowest - intercept >= -32768 and highest - intercept <= 32767):
        raise OutputFailed(
            "a CT with values that 16 bits can't hold, or that aren't finite",
            f"HU from {-32768 + intercept} to {32767 + intercept}",
            "clip the image knowingly before it is written",
        )


def _require_slices(grid: Grid) -> None:
    axes = np.asarray(grid.direction)
    if np.abs(axes @ axes.T - np.eye(3)).max() > 1e-4:
        raise OutputFailed(
            "a skewed grid",
            "rows, columns and slices at right angles",
            "resample the image to an upright grid first",
        )
