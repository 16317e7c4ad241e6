"""How D judges labels: by a classifier, by a second score, in the sum of both, or in one score."""

from pgpipe.studies.study import Claim, Study

SPLIT = ("acgan", "matching", "projection")  # rows whose realness has a score of its own


STUDY = Study(
    name="conditions",
    title="How D judges labels",
    row_preset="conditions-{row}",
    data_preset="conditions-{data}",
    rows={
        "acgan": "realness; a classifier beside it",
        "matching": "realness; how well image and label fit beside it",
        "projection": "the sum of both, in one game",
        "joint": "one score of image and label together",
    },
    data_sets=("photos",),
    headlines=("label_accuracy", "swd_avg", "class_ms_ssim"),
    claims=(
        Claim(
            "split scores are above the joint one",
            "label_accuracy",
            [{"joint": 1, row: -1} for row in SPLIT],
        ),
        Claim(
            "split scores cost no SWD (under 11/10 of the joint one's)",
            "swd_avg",
            [{row: 1, "joint": -1.1} for row in SPLIT],
        ),
        Claim(
            "split scores keep as much variation within a class (under 11/10 of the joint one's)",
            "class_ms_ssim",
            [{row: 1, "joint": -1.1} for row in SPLIT],
        ),
    ),
)
