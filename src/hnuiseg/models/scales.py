"""Sizes of a model, by name: the paper's, and those for two cores."""

from dataclasses import replace

from hnuiseg.models.settings import ModelSettings

FULL = ModelSettings(
    network="resenc-full",
    network_settings={},
    ct_scheme="window_wide",
    pet_scheme="suv_0_50",
    working_spacing=None,  # the CT's own, as in section 3.2
    window=(160, 224, 224),  # 224 × 224 × 160 in x, y, z (section 3.3)
    dropout_rate=0.05,
)
"""The paper's scale."""

COMPACT = ModelSettings(
    network="resenc-compact",
    # by instance, a window without tumour has its noise amplified until some of it looks like one
    network_settings={"batch_normed": True},
    # the soft-tissue window: lesions differ from muscle by a few tens of HU, and Table 3 finds
    # both windows comparable
    ct_scheme="window_soft",
    pet_scheme="suv_0_50",
    working_spacing=(3.0, 3.0, 3.0),
    # much of a head and neck at once: normalised by batch, windows may be larger than training's
    # patches, and the larger they are the less an answer depends on where they end
    window=(96, 96, 128),
    dropout_rate=0.05,
)
"""What the first model, of phantoms alone, was trained at."""

MINI = replace(COMPACT, network="resenc-small", window=(96, 112, 128))
"""Trained in an hour or two and run in seconds on two cores."""
