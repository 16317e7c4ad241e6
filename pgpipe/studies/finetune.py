"""What starting from a trained generator is worth, at equal kimg on few pictures of one's own."""

from pgpipe.studies.study import Claim, Study

STUDY = Study(
    name="finetune",
    title="Fine-tuning",
    row_preset="{row}",
    data_preset="{data}",
    rows={
        "finetune-flat": "from nothing, at 32x32 alone",
        "finetune-grown": "from nothing, grown",
        "finetune": "from a trained generator",
    },
    data_sets=("own-300",),
    headlines=("swd_avg", "ms_ssim"),
    levels=True,
    claims=(
        Claim(
            "fine-tuning is below training from nothing, grown or not",
            "swd_avg",
            [{"finetune": 1, "finetune-grown": -1}, {"finetune": 1, "finetune-flat": -1}],
        ),
    ),
)
