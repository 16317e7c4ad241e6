"""Two GANs on top of each other beside one that grows, at equal images and at equal time."""

from pgpipe.studies.study import Claim, Study

STUDY = Study(
    name="stack",
    title="Stacked or grown",
    row_preset="stack-{row}",
    data_preset="stack-{data}",
    rows={
        "stackgan": "16x16, then a second GAN to 64x64",
        "grown": "grown to 64x64, on as many images",
        "grown-longer": "the same, for as long as the stack takes",
    },
    data_sets=("photos",),
    headlines=("swd_avg", "ms_ssim"),
    levels=True,
    others=("label_accuracy",),
    claims=(
        Claim(
            "growing is below the stack at equal images",
            "swd_avg",
            [{"grown": 1, "stackgan": -1}],
        ),
        Claim(
            "growing is below the stack at equal time",
            "swd_avg",
            [{"grown-longer": 1, "stackgan": -1}],
        ),
        Claim(
            "the finest level, too, at equal time",
            "swd_64",
            [{"grown-longer": 1, "stackgan": -1}],
        ),
    ),
)
