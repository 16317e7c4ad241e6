"""Figure 4 of Karras et al. 2018: one network grown, and not grown, at equal images.

SWD of every level against images and against hours, and the images per second of each resolution,
from the quick scores of the ticks and the times that the tracker has. "Not worse" has a number
here: by less than a tenth.
"""

from pgpipe.studies.study import Claim, Study

STUDY = Study(
    name="growth",
    title="Figure 4",
    row_preset="growth-{row}",
    data_preset="table1-{data}",
    rows={"flat": "the final resolution from the start", "grown": "grown from 4x4"},
    data_sets=("photos", "fashion-mnist", "celeba", "lsun-bedroom"),
    headlines=("swd_avg", "settling_lag", "hours_per_mimg"),
    levels=True,
    curves=True,
    claims=(
        Claim("large scales settle first when grown", "settling_lag", [{"grown": -1}]),
        Claim(
            "they settle earlier before the small ones than when not grown",
            "settling_lag",
            [{"flat": 1, "grown": -1}],
        ),
        Claim("a grown image costs less", "hours_per_mimg", [{"grown": 1, "flat": -1}]),
        Claim(
            "the final SWD is not worse (by a tenth or more)",
            "swd_avg",
            [{"grown": 1, "flat": -1.1}],
        ),
    ),
)
