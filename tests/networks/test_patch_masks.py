"""Masks of training: a patch's own, the same in whatever batch it is answered."""

import numpy as np
import pytest
import torch

from hnuiseg.networks import (
    ResidualEncoderUNet,
    as_in_use,
    build,
    fixed_masks,
    hold_statistics,
    masks_of,
    patch_masks,
)

SIDE = 16


def _network(by_batch: bool) -> ResidualEncoderUNet:
    torch.manual_seed(0)
    network = build("resenc-compact", {"batch_normed": by_batch})
    assert isinstance(network, ResidualEncoderUNet)
    with torch.no_grad():  # statistics that aren't those of a fresh network
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2.0)
    return network


@pytest.mark.parametrize("by_batch", [True, False])
def test_a_patch_is_answered_alike_alone_and_beside_others(by_batch: bool) -> None:
    """In use, that is: in training, batch normalisation looks at the others."""
    network = _network(by_batch)
    images = torch.randn(3, 4, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad(), as_in_use(network):
        with patch_masks(network, 0.3, [1, 2], [4, 5, 6]):
            together = network(images)
        for k, number in enumerate((4, 5, 6)):
            with patch_masks(network, 0.3, [1, 2], [number]):
                np.testing.assert_allclose(network(images[k : k + 1])[0], together[k], atol=1e-4)
        with patch_masks(network, 0.3, [1, 3], [4]):
            assert not torch.allclose(network(images[:1])[0], together[0], atol=1e-2)


@pytest.mark.parametrize("which", [[0, 2], [1]])
def test_some_patches_of_a_step_are_answered_as_among_all(which: list[int]) -> None:
    network = _network(by_batch=True)
    images = torch.randn(3, 4, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    with torch.no_grad(), as_in_use(network), patch_masks(network, 0.3, [1, 2], [4, 5, 6]):
        together = network(images)
        with masks_of(network, which):
            np.testing.assert_allclose(network(images[which]), together[which], atol=1e-4)
        torch.testing.assert_close(network(images), together)
    with torch.no_grad(), as_in_use(network), fixed_masks(network, 0.3, seed=1, member=0):
        whole = network(images[:1])
        with masks_of(network, [0]):  # one mask for all is everybody's
            torch.testing.assert_close(network(images[:1]), whole)


def test_as_many_channels_are_dropped_as_said() -> None:
    network = _network(by_batch=False)
    from hnuiseg.networks import ChannelDropout

    with patch_masks(network, 0.25, [7], range(20)):
        held = [m.held for m in network.modules() if isinstance(m, ChannelDropout)]
        kept = torch.cat([mask.flatten() for mask in held if mask is not None]).numpy()
        np.testing.assert_allclose(np.unique(kept), [0.0, 1 / 0.75], rtol=1e-6)
        assert 0.2 < np.mean(kept == 0) < 0.3
    assert all(m.held is None for m in network.modules() if isinstance(m, ChannelDropout))


def test_in_use_leaves_every_module_as_it_was() -> None:
    network = _network(by_batch=True).train()
    hold_statistics(network)
    before = [module.training for module in network.modules()]
    assert len(set(before)) == 2
    with as_in_use(network):
        assert not any(module.training for module in network.modules())
    assert [module.training for module in network.modules()] == before
