"""What a derived DICOM object must say about the series it was made from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PatientStudy:
    """Attributes of the patient and study modules that derived objects repeat."""

    patient_name: str
    patient_id: str
    patient_birth_date: str
    patient_sex: str
    study_instance_uid: str
    study_date: str
    study_time: str
    study_id: str
    accession_number: str
    referring_physician: str


@dataclass(frozen=True, slots=True)
class DicomReference:
    """The image series under a `Volume`, slice by slice."""

    patient: PatientStudy
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uids: tuple[str, ...]  # in the order of the volume's first array axis
    image_positions_mm: tuple[
        tuple[float, float, float], ...
    ]  # exact ImagePositionPatient, same order
    frame_of_reference: str
    position_reference_indicator: str
    frame_numbers: tuple[int, ...] = ()  # from 1, same order; () where each slice is an image
