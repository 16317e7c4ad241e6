"""What bfloat16 costs: the default experiment in float32 and in bfloat16, at equal images."""

from pgpipe.studies.study import Claim, Study

STUDY = Study(
    name="precision",
    title="Precision",
    row_preset="precision-{row}",
    data_preset="precision-{data}",
    rows={"fp32": "float32", "bf16": "products in bfloat16"},
    data_sets=("photos",),
    headlines=("swd_avg", "ms_ssim", "classifier_score", "label_accuracy", "class_ms_ssim"),
    levels=True,
    per_seed=True,
    claims=(
        Claim(
            "bfloat16 raises the distance by less than 5 %",
            "swd_avg",
            [{"bf16": 1, "fp32": -1.05}],
        ),
        Claim(
            "images are as alike (within 0.01)",
            "ms_ssim",
            [{"bf16": 1, "fp32": -1}, {"fp32": 1, "bf16": -1}],
            margin=0.01,
        ),
        Claim(
            "it costs no label (within 0.02)",
            "label_accuracy",
            [{"fp32": 1, "bf16": -1}],
            margin=0.02,
        ),
    ),
)
