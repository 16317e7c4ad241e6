"""The discrete-mode test of Karras et al. 2018 (appendix): how many of 1000 modes a row finds."""

from pgpipe.studies.study import Claim, Study

STUDY = Study(
    name="modes",
    title="Discrete-mode test",
    row_preset="mnist-1k-{row}",
    data_preset="{data}",
    rows={
        "a": "WGAN-GP",
        "b": "+ equalised learning rate, pixel norm",
        "c": "+ minibatch stddev",
        "d": "+ progressive growing",
    },
    data_sets=("digits-1k", "digits-1k-k2", "mnist-1k", "mnist-1k-k2"),  # K = 4 but for -k2
    headlines=("modes_found", "mode_kl"),
    claims=(
        Claim("d finds more modes than a", "modes_found", [{"a": 1, "d": -1}]),
        Claim(
            "modes found rise from row to row",
            "modes_found",
            [{"a": 1, "b": -1}, {"b": 1, "c": -1}, {"c": 1, "d": -1}],
        ),
        Claim("d's KL is below a's", "mode_kl", [{"d": 1, "a": -1}]),
        Claim(
            "KL falls from row to row",
            "mode_kl",
            [{"b": 1, "a": -1}, {"c": 1, "b": -1}, {"d": 1, "c": -1}],
        ),
    ),
)
