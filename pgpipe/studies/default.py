"""The default experiment over seeds: how much of its scores is chance."""

from pgpipe.studies.study import Study

STUDY = Study(
    name="default",
    title="The default experiment",
    row_preset="default",
    data_preset="default",
    rows={"pggan": "labels by AC-GAN, grown to 32x32"},
    data_sets=("photos",),
    headlines=("swd_avg", "ms_ssim", "classifier_score", "label_accuracy", "class_ms_ssim"),
    levels=True,
    per_seed=True,
)
