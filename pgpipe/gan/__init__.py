"""The algorithm: Progressive GAN (Karras et al. 2018) and its relatives, whole, in this folder.

Read it in the paper's order:

    schedule        what is trained when: phases, fades, images seen as the only clock   section 2
    config, widths  the sections `model` and `train`; how wide the networks are          A.1
    layers          equalised learning rate, up- and downsampling                         4.1
    normalisation   pixel norm; batch and layer norm of Table 1's first rows             4.2
    minibatch       minibatch stddev, minibatch discrimination, noise before layers      3, B
    generator       latent -> image                                                       table 2
    discriminator   image -> score                                                        table 2
    losses          wgan_gp is the paper's; one file per loss                             A.1
    step            one update of D, one of G, one of the average: read this first        A.1
    micro_batches   how a minibatch is divided among processes and in memory
    networks        the networks with Adam and averages; weights: their first values
    started         first values from another training's networks
    latents         what images are drawn from; text: captions as vectors
    sampling        drawing images; samples: many of them
    dcgan, mlp, weak    other networks; systems: the table of all that can be trained   table 1, E
    autoencoder     D's trunk encodes, G decodes: autoencoder, VAE, VAE-GAN; encoding: their codes
    layerwise       the networks as a table of their layers                              table 2
    stackgan        a second GAN enlarges what a first one draws
    convolution     a second derivative that is cheap

One step, which `step` writes out:

    for each minibatch of reals:                            # one, or five for some losses
        fake   = G(latents, labels, fade)                   # without gradients
        loss_d = loss.discriminator(D(real), D(fake)) + loss.penalty(...)
        Adam lowers loss_d in D
    fake   = G(other latents, other labels, fade)
    loss_g = loss.generator(D(fake))
    Adam lowers loss_g in G
    average <- decay * average + (1 - decay) * G

Conventions. Shapes stand in brackets: N images of C channels or feature maps, R x R pixels (H x W
where they may differ), K feature maps of a result. Images are uint8 [N, R, R, C] on disk and in
metrics, float [N, C, R, R] in [-1, 1] in networks. `fade` is a tensor [] of 0 to 1, None where
nothing fades. Weights are named by resolution, and growing keeps the names. Each random number is
a function of (seed, stream, images seen), so that no generator has a state that a kill could lose.
"""
