"""Fashion-MNIST (Xiao et al. 2017) with its labels, grown and not grown, at equal images."""

from pgpipe.studies.study import Claim, Study

STUDY = Study(
    name="fashion",
    title="Fashion-MNIST",
    row_preset="fashion-{row}",
    data_preset="{data}",
    rows={"flat": "32x32 from the start", "grown": "grown from 4x4"},
    data_sets=("fashion-mnist",),
    headlines=("swd_avg", "ms_ssim", "classifier_score", "label_accuracy", "class_ms_ssim"),
    levels=True,
    per_seed=True,
    claims=(
        Claim("growing lowers the distance", "swd_avg", [{"grown": 1, "flat": -1}]),
        Claim(
            "growing costs no label (within 0.02)",
            "label_accuracy",
            [{"flat": 1, "grown": -1}],
            margin=0.02,
        ),
    ),
)
