"""Specs of networks and trainings that state every field: tiny, but for what a test changes."""

from typing import Any

from pgpipe.gan.config import ModelSection, NetworkSpec, TrainSection

MODEL: dict[str, Any] = {
    "name": "pggan",
    "fmap_base": 32,
    "fmap_max": 6,
    "discriminator_divisor": 1,
    "latent_size": 5,
    "latents": "normal",
    "latent_norm": "latent",
    "generator_activation": "lrelu",
    "generator_norm": "pixel",
    "first_layer": "plain",
    "tanh": False,
    "discriminator_norm": "none",
    "minibatch_discrimination": 0,
    "equalised_lr": True,
    "fused_downsampling": False,
}
DATA: dict[str, Any] = {"channels": 3, "classes": 0, "minibatch_stddev": True}

DCGAN: dict[str, Any] = {
    "name": "dcgan",
    "latent_norm": "none",
    "generator_activation": "relu",
    "generator_norm": "batch",
    "tanh": True,
    "discriminator_norm": "batch",
    "equalised_lr": False,
    "minibatch_stddev": False,
}
CODER: dict[str, Any] = {"name": "vae", "latent_norm": "none", "minibatch_stddev": False}
MLP: dict[str, Any] = {
    "name": "mlp",
    "latents": "uniform",
    "latent_norm": "none",
    "generator_activation": "relu",
    "generator_norm": "none",
    "tanh": True,
    "equalised_lr": False,
    "minibatch_stddev": False,
}
ROW_A: dict[str, Any] = {  # of Table 1
    "latent_norm": "none",
    "generator_activation": "relu",
    "generator_norm": "batch",
    "tanh": True,
    "discriminator_norm": "layer",
    "equalised_lr": False,
    "minibatch_stddev": False,
}

TRAIN: dict[str, Any] = {
    "seed": 3,
    "minibatch": 8,
    "minibatch_per_device": 0,
    "learning_rate": 0.003,
    "optimiser": "adam",
    "adam_beta1": 0.0,
    "adam_beta2": 0.99,
    "adam_epsilon": 1e-8,
    "adam_reset": "fades",
    "ramp_up_kimg": 0.0,
    "discriminator_steps": 1,
    "updates": "alternating",
    "ema_half_life_kimg": 0.05,
    "loss": "wgan-gp",
    "gradient_penalty": 10.0,
    "gradient_target": 1.0,
    "gradient_at": "full",
    "full_resolution": 32,
    "drift": 0.001,
    "r1_gamma": 1.0,
    "r2_gamma": 1.0,
    "reconstruction": "gaussian",
    "kl_weight": 1.0,
    "feature_weight": 1e-3,
    "minibatch_stddev": True,
    "label_conditioning": False,
    "label_weight": 1.0,
    "mirror": False,
    "device": "cpu",
    "threads": 1,
    "precision": "fp32",
    "deterministic": False,
    "channels_last": False,
    "capture": False,
    "data_on_device": "auto",
    "tick_kimg": 1.0,
    "checkpoint_minutes": 5.0,
    "quick_images": 0,
    "quick_inception_images": 0,
    "select": "last",
}


def model_section(**changes: Any) -> ModelSection:
    return ModelSection(**{**MODEL, "start": None, **changes})


def network_spec(**changes: Any) -> NetworkSpec:
    return NetworkSpec(**{**MODEL, **DATA, **changes})


def train_section(**changes: Any) -> TrainSection:
    return TrainSection(**{**TRAIN, **changes})
