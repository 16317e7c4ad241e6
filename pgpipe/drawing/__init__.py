"""What a trained generator is for: images by seed, walks through the latents, films."""
