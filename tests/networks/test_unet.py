"""The backbone: its own laws, and equality with its published original."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hnuiseg.networks import ChannelDropout, ResidualEncoderUNet, build, fixed_masks
from hnuiseg.networks.unet import ConvNorm, batch_norm
from published_network import published


def _scrambled(network: nn.Module, seed: int) -> None:
    """Every parameter away from its tidy start, norms included: equal zeros prove nothing."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(0.2 * noise)
        for buffer in network.buffers():
            if buffer.is_floating_point():  # what batch normalisation has kept
                buffer.add_(0.5 * torch.rand(buffer.shape, generator=generator))


@pytest.mark.parametrize("batch_normed", [False, True])
@pytest.mark.parametrize(
    ("widths", "blocks"), [((32, 64, 128, 256), (1, 3, 4, 6)), ((12, 24, 48, 96), (1, 2, 2, 2))]
)
def test_same_weights_give_the_logits_of_the_original(
    widths: tuple[int, ...], blocks: tuple[int, ...], batch_normed: bool
) -> None:
    pytest.importorskip("dynamic_network_architectures")
    original = published(widths, blocks, batch_normed=batch_normed)
    _scrambled(original, 1)
    ours = ResidualEncoderUNet(widths=widths, blocks=blocks, batch_normed=batch_normed)
    renamed = {
        name: value
        for name, value in original.state_dict().items()
        if not name.startswith("decoder.encoder.") and ".all_modules." not in name
    }
    ours.load_state_dict(renamed)  # strict: the very same names and shapes
    images = torch.randn(1, 4, 16, 24, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = original.eval()(images)
        found = ours.eval()(images)
    # 1e-4 of the logits' own spread: float32 sums in another order
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.std()))


def _tiny(**settings: Any) -> ResidualEncoderUNet:
    torch.manual_seed(3)
    return ResidualEncoderUNet(widths=(8, 16), blocks=(1, 1), **settings)


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        result: Tensor = network(images)
    return result


def test_dropout_is_off_in_evaluation_and_held_under_fixed_masks() -> None:
    network = _tiny(dropout=0.3).eval()
    images = torch.randn(1, 4, 8, 8, 8, generator=torch.Generator().manual_seed(4))
    plain = _logits(network, images)
    with fixed_masks(network, 0.3, seed=5, member=1):
        first, again = _logits(network, images), _logits(network, images)
    with fixed_masks(network, 0.3, seed=5, member=2):
        other = _logits(network, images)
    assert torch.equal(first, again)
    assert not torch.equal(first, plain)
    assert not torch.equal(first, other)
    assert torch.equal(_logits(network, images), plain)


def test_fixed_masks_drop_at_the_given_rate_and_keep_the_mean() -> None:
    network = nn.Sequential(*[ChannelDropout(1000, 0.0) for _ in range(10)])
    with fixed_masks(network, 0.05, seed=1, member=0):
        held = torch.cat([m.held.ravel() for m in network if m.held is not None])  # type: ignore[operator]
    dropped = float((held == 0).float().mean())
    # 10,000 draws at 0.05: a standard deviation is 0.0022
    assert abs(dropped - 0.05) < 4 * 0.0022
    assert torch.allclose(held[held > 0], torch.tensor(1 / 0.95))
    assert len({tuple(m.reshape(-1).tolist()) for m in held.reshape(10, -1)}) == 10


@pytest.mark.parametrize("pool", [1, 2])
def test_a_layer_in_one_is_its_convolution_mask_and_normalisation_in_turn(pool: int) -> None:
    kernel = 1 if pool > 1 else 3
    layer = ConvNorm(6, 10, batch_norm, kernel=kernel, pool=pool, dropout=0.3, active=False)
    _scrambled(layer, 7)
    features = torch.randn(1, 6, 8, 6, 4, generator=torch.Generator().manual_seed(8))
    layer.eval()
    with torch.no_grad(), fixed_masks(layer, 0.3, seed=9, member=1):
        pooled = nn.functional.avg_pool3d(features, pool)
        expected = layer.norm(layer.dropout(layer.conv(pooled)))
        assert isinstance(layer.dropout.held, Tensor)
        assert not layer.dropout.held.all()
        torch.testing.assert_close(layer(features), expected, rtol=1e-5, atol=1e-5)


def test_masks_are_released_when_a_member_fails() -> None:
    network = _tiny()
    with pytest.raises(KeyboardInterrupt), fixed_masks(network, 0.5, seed=1, member=0):
        raise KeyboardInterrupt
    assert all(m.held is None for m in network.modules() if isinstance(m, ChannelDropout))


@pytest.mark.parametrize("name", ["resenc-full", "resenc-compact", "resenc-small"])
def test_registered_networks_take_four_channels_and_give_three(name: str) -> None:
    network = build(name).eval()
    assert _logits(network, torch.zeros(1, 4, 16, 32, 16)).shape == (1, 3, 16, 32, 16)


@pytest.mark.parametrize("halved", [False, True])
def test_an_answer_moves_with_its_image_by_whole_cells(halved: bool) -> None:
    network = _tiny(batch_normed=True, halved=halved)
    _scrambled(network, 11)
    network.eval()
    assert network.cell == (4 if halved else 2)
    images = torch.randn(1, 4, 8, 8, 64, generator=torch.Generator().manual_seed(12))
    moved = torch.roll(images, network.cell, dims=4)
    found = torch.roll(_logits(network, images), network.cell, dims=4)
    inner = (..., slice(28, 36))  # away from the borders, which roll too
    # not to the bit: convolutions may sum in another order elsewhere
    torch.testing.assert_close(_logits(network, moved)[inner], found[inner], rtol=1e-4, atol=1e-4)


def test_halved_answers_at_full_resolution_from_every_voxel() -> None:
    """Each voxel's own logits, which depend on each voxel of its cube."""
    network = _tiny(batch_normed=True, halved=True)
    _scrambled(network, 13)
    network.eval()
    images = torch.randn(1, 4, 8, 8, 8, generator=torch.Generator().manual_seed(14))
    logits = _logits(network, images)
    cube = logits[0, :, 4:6, 4:6, 4:6].flatten(1)
    assert len({tuple(column.tolist()) for column in cube.T}) == 8
    for at in ((4, 4, 4), (5, 4, 5), (5, 5, 5)):
        other = images.clone()
        other[0, 0, *at] += 1.0
        assert not torch.equal(
            _logits(network, other)[0, :, 4:6, 4:6, 4:6], logits[0, :, 4:6, 4:6, 4:6]
        )


@pytest.mark.parametrize("halved", [False, True])
def test_the_finest_of_every_scale_is_the_answer(halved: bool) -> None:
    network = _tiny(halved=halved).eval()
    images = torch.randn(1, 4, 8, 8, 8, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        scales = ResidualEncoderUNet(widths=(8, 16, 24), blocks=(1, 1, 1)).every_scale(images)
        own = network.every_scale(images)
    assert [tuple(s.shape[2:]) for s in scales] == [(4, 4, 4), (8, 8, 8)]
    assert len(own) == (2 if halved else 1)
    assert torch.equal(own[-1], _logits(network, images))


def test_with_batch_normalisation_an_answer_depends_on_its_surroundings_alone() -> None:
    """Far from a change nothing changes, and another share of air changes nothing."""
    network = _tiny(batch_normed=True)
    _scrambled(network, 7)
    network.eval()
    images = torch.randn(1, 4, 8, 8, 64, generator=torch.Generator().manual_seed(8))
    changed = images.clone()
    changed[..., 48:] = 5.0
    plain, other = _logits(network, images), _logits(network, changed)
    assert torch.equal(plain[..., :24], other[..., :24])
    assert not torch.equal(plain[..., 48:], other[..., 48:])
    by_instance = _tiny().eval()
    plain, other = _logits(by_instance, images), _logits(by_instance, changed)
    assert not torch.equal(plain[..., :24], other[..., :24])
