"""Fade-ins of other shapes than the paper's, which says that they spare trained layers a shock.

"No worse" has a number here: by less than a tenth.
"""

from pgpipe.studies.study import Claim, Study

STUDY = Study(
    name="fades",
    title="Fades",
    row_preset="fade-{row}",
    data_preset="table1-{data}",
    rows={
        "step": "new layers have all weight at once",
        "linear": "their weight rises evenly",
        "smooth": "their weight rises as 3t² - 2t³",
    },
    data_sets=("photos", "fashion-mnist", "celeba", "lsun-bedroom"),
    headlines=("swd_avg", "ms_ssim"),
    levels=True,
    claims=(
        Claim("fading in is better than a step", "swd_avg", [{"linear": 1, "step": -1}]),
        Claim(
            "it hardly matters how: neither fade is worse than the other by a tenth",
            "swd_avg",
            [{"smooth": 1, "linear": -1.1}, {"linear": 1, "smooth": -1.1}],
        ),
    ),
)
