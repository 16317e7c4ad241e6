"""Progressive GAN beside its relatives, of equal networks on equal images.

What an autoencoder's codes cannot do, what a VAE mends, why a discriminator sharpens, and what
growing adds. All rows but DCGAN's grow.
"""

from pgpipe.studies.study import Claim, Study

RECONSTRUCTED = "reconstruction_swd_avg"

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
    others=(RECONSTRUCTED, "reconstruction_error"),
    claims=(
        Claim(
            "an autoencoder's random codes score over twice what its reconstructions do",
            "swd_avg",
            [{f"autoencoder {RECONSTRUCTED}": 2, "autoencoder": -1}],
        ),
        Claim(
            "a VAE narrows the gap between random codes and reconstructions",
            "swd_avg",
            [
                {
                    "vae": 1,
                    f"vae {RECONSTRUCTED}": -1,
                    "autoencoder": -1,
                    f"autoencoder {RECONSTRUCTED}": 1,
                }
            ],
        ),
        Claim(
            "a discriminator, beside a VAE or alone, lowers the finest level",
            "swd_32",
            [{"vae-gan": 1, "vae": -1}, {"dcgan": 1, "vae": -1}],
        ),
        Claim("growing lowers the finest level further", "swd_32", [{"pggan": 1, "dcgan": -1}]),
    ),
)
