"""Train CycleGAN on two folders."""
