"""The generator and the discriminator (Karras et al. 2018, section 2 and appendix A, table 2)."""
