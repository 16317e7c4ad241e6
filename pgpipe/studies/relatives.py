"""Progressive GAN beside its relatives, of equal networks on equal images.

What an autoencoder's codes cannot do, what a VAE mends, why a discriminator sharpens, and what
growing adds. All rows but DCGAN's grow. The claims about codes are made twice: a blurred image is
far from reals at the finest level whatever its code, and the coarsest one sees its layout alone.
"""

from pgpipe.studies.study import Claim, Study


def far_worse(score: str, where: str) -> Claim:
    """An autoencoder's random codes ask for layouts that no image has."""
    found = f"autoencoder reconstruction_{score}"
    text = f"an autoencoder's random codes score over twice what its reconstructions do, {where}"
    return Claim(text, score, [{found: 2, "autoencoder": -1}])


def narrower(score: str, where: str) -> Claim:
    """A VAE's codes lie where latents are drawn."""
    own = {row: f"{row} reconstruction_{score}" for row in ("vae", "autoencoder")}
    text = f"a VAE narrows the gap between random codes and reconstructions, {where}"
    gap = {"vae": 1, own["vae"]: -1, "autoencoder": -1, own["autoencoder"]: 1}
    return Claim(text, score, [gap])


STUDY = Study(
    name="relatives",
    title="Progressive GAN's relatives",
    row_preset="relatives-{row}",
    data_preset="relatives-{data}",
    rows={
        "autoencoder": "D's trunk encodes, G decodes",
        "vae": "+ codes drawn, near N(0, I)",
        "vae-gan": "+ a discriminator, whose features are reconstructed",
        "dcgan": "a discriminator alone, not grown",
        "pggan": "a discriminator alone, grown",
    },
    data_sets=("photos",),
    headlines=("swd_avg", "ms_ssim"),
    levels=True,
    others=("reconstruction_swd_avg", "reconstruction_swd_16", "reconstruction_error"),
    claims=(
        far_worse("swd_avg", "on average"),
        far_worse("swd_16", "at the coarsest level"),
        narrower("swd_avg", "on average"),
        narrower("swd_16", "at the coarsest level"),
        Claim(
            "a discriminator, beside a VAE or alone, lowers the finest level",
            "swd_32",
            [{"vae-gan": 1, "vae": -1}, {"dcgan": 1, "vae": -1}],
        ),
        Claim("growing lowers the finest level further", "swd_32", [{"pggan": 1, "dcgan": -1}]),
    ),
)
