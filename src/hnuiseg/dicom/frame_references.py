"""References to frames of a multi-frame image, for objects that highdicom writes.

highdicom takes many single images or one whole multi-frame image, which would have to be there
with its functional groups. So each frame is given to it as a single image under a name of its
own, and the names are put right afterwards. Source: DICOM PS3.3 10.3, C.12.4.
"""

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, generate_uid

from hnuiseg.dicom.reference import DicomReference


def stand_ins(reference: DicomReference) -> tuple[str, tuple[str, ...]]:
    """SOP class and instance UIDs, slice by slice, under which highdicom gets the sources."""
    if not reference.frame_numbers:
        return reference.sop_class_uid, reference.sop_instance_uids
    named = zip(reference.sop_instance_uids, reference.frame_numbers, strict=True)
    return CTImageStorage, tuple(generate_uid(entropy_srcs=[uid, str(n)]) for uid, n in named)


def name_frames(dataset: Dataset, reference: DicomReference) -> None:
    """Put image and frame number in the place of every stand-in."""
    if not reference.frame_numbers:
        return
    _, uids = stand_ins(reference)
    real = zip(reference.sop_instance_uids, reference.frame_numbers, strict=True)
    by_stand_in = dict(zip(uids, real, strict=True))
    for group in dataset.PerFrameFunctionalGroupsSequence:
        for derivation in group.get("DerivationImageSequence") or ():
            for source in derivation.SourceImageSequence:
                uid, number = by_stand_in[source.ReferencedSOPInstanceUID]
                _name(source, reference.sop_class_uid, uid)
                source.ReferencedFrameNumber = number
    for series in dataset.get("ReferencedSeriesSequence") or ():
        named: dict[str, Dataset] = {}  # each image once
        for image in series.ReferencedInstanceSequence:
            uid, _ = by_stand_in[image.ReferencedSOPInstanceUID]
            _name(image, reference.sop_class_uid, uid)
            named.setdefault(uid, image)
        series.ReferencedInstanceSequence = list(named.values())


def _name(item: Dataset, sop_class: str, uid: str) -> None:
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
