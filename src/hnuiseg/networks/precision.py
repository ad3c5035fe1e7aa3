"""Which type of number a network's layers run in, by what the hardware is fast at."""

from typing import Literal

import torch

from hnuiseg.errors import WrongCall

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def fast_precision(device: torch.device) -> Precision:
    """bfloat16 where the device multiplies it natively, else float32.

    CPUs without such instructions emulate them, tens of times slower than float32.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"
    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("amx_bf16") or able.get("avx512_bf16") else "float32"


def chosen_precision(name: str, device: torch.device) -> Precision:
    """A precision by name; "auto" is the fast one. WrongCall for any other name."""
    if name == "auto":
        return fast_precision(device)
    for known in PRECISIONS:
        if name == known:
            return known
    raise WrongCall(f"precision {name!r}", "auto, float32 or bfloat16", "name one of these")
