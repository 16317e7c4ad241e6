"""Table 3 of Karras et al. 2018: the Inception score of CIFAR-10, of each run's best and last tick.

The paper's 8.56 is the mean over ten runs of each run's best snapshot, its 8.80 the best of them.
The twins have the same networks, smaller, on embedded data, and the score of the data's own
classifier instead: no download, and no Inception network.
"""

from pathlib import Path

from pgpipe.studies.study import Study

STUDY = Study(
    name="cifar10",
    title="Table 3",
    row_preset="default",
    data_preset="{data}",
    rows={"pggan": "Karras et al. 2018"},
    data_sets=("cifar10-photos", "cifar10-digits-1k", "cifar10"),
    headlines=tuple(
        f"{tick}{score}"
        for score in ("inception_score", "classifier_score", "modes_found", "mode_kl", "swd_avg")
        for tick in ("", "last_")
    ),
    per_seed=True,
    published=Path(__file__).with_name("table3.csv"),
)
