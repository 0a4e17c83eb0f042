"""How good the samples are: Fréchet distance, class accuracy, and the noise floor beside them."""
