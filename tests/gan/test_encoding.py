"""The encoder in a generator's file: read, and used batch by batch."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from specs import CODER, network_spec
from tinynets import disturbed

from pgpipe.errors import IntegrityError
from pgpipe.gan import encoding, started, weights
from pgpipe.gan.autoencoder import Encoder
from pgpipe.gan.sampling import drawing, facts_of, read_generator
from pgpipe.images import Images, to_float
from pgpipe.plumbing import tensors


def written(file: Path, **changes: Any) -> dict[str, torch.Tensor]:
    """A state's tensors, of which the generator's file is written."""
    spec, named = network_spec(**{**CODER, **changes}), dict[str, torch.Tensor]()
    for number, (name, kind) in enumerate(
        [("average", "generator"), ("average_encoder", "encoder"), ("encoder", "encoder")]
    ):
        net = weights.network(spec, kind, 8)
        weights.load(net, weights.initial(spec, 8, number), kind)
        named |= dict(weights.named(disturbed(net, number), name))
    about = {**facts_of(spec, 8), "labels": [], "row": {"kimg": 1.0}}
    tensors.save(file, drawing(named, spec), about)
    return named


def images(count: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def test_a_generators_file_has_the_averages_of_both(tmp_path: Path) -> None:
    named = written(tmp_path / "a")
    generator, _ = read_generator(tmp_path / "a")
    for name, value in generator.state_dict().items():
        assert value.equal(named[f"average.{name}"])
    for name, value in encoding.read_encoder(tmp_path / "a").state_dict().items():
        assert value.equal(named[f"average_encoder.{name}"])
    assert started.read(tmp_path / "a").networks == ["encoder", "generator"]


def test_a_file_whose_encoder_lacks_a_weight_is_damaged(tmp_path: Path) -> None:
    written(tmp_path / "a")
    named, facts = tensors.read(tmp_path / "a")
    del named["encoder.blocks.4.moments.bias"]
    tensors.save(tmp_path / "b", named, facts)
    with pytest.raises(IntegrityError, match="not the encoder that it says it is"):
        encoding.read_encoder(tmp_path / "b")


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("count", [1, 70])
def test_images_are_encoded_in_batches_and_decoded_in_order(
    norm: str, count: int, tmp_path: Path
) -> None:
    written(tmp_path / "a", discriminator_norm=norm)
    encoder, given = encoding.read_encoder(tmp_path / "a"), images(count)
    codes = encoding.encode(encoder, given)
    assert codes.shape == (count, 5)
    if norm == "none":
        mean, _ = cast("Encoder", encoder)(to_float(torch.from_numpy(given)))
        torch.testing.assert_close(codes, mean, rtol=1e-4, atol=1e-5)
        decoder, _ = read_generator(tmp_path / "a")
        found = np.concatenate(list(encoding.reconstructions(encoder, decoder, given)))
        wanted = (decoder(codes).clamp(-1, 1) * 127.5 + 127.5).permute(0, 2, 3, 1).numpy()
        assert abs(found - wanted).max() < 0.51
