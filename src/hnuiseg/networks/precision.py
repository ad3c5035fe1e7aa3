"""Which type of number a network's layers run in, by what the hardware is fast at."""

from typing import Literal

import torch

from hnuiseg.errors import WrongCall

Precision = Literal["float32", "bfloat16", "float16"]


def fast_precision(device: torch.device) -> Precision:
    """bfloat16 where the device multiplies it natively; else float16 on GPUs, float32 on CPUs.

    CPUs without such instructions emulate them, far slower than float32.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("amx_bf16") or able.get("avx512_bf16") else "float32"


def lower_precision(device: torch.device, precision: Precision) -> torch.autocast:
    """Within: convolutions in that type; weights and what they are called with stay float32."""
    types = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    half = precision != "float32"
    return torch.autocast(device.type, types[precision] if half else None, enabled=half)


def chosen_precision(name: str, device: torch.device) -> Precision:
    """A precision by name; "auto" is the fast one. WrongCall for any other name."""
    if name == "auto":
        return fast_precision(device)
    match name:
        case "float32" | "bfloat16":
            return name
        case "float16" if device.type == "cuda":
            return name
    allowed = "auto, float32, bfloat16, and float16 on GPUs"
    raise WrongCall(f"precision {name!r} on {device.type}", allowed, "name one of these")
