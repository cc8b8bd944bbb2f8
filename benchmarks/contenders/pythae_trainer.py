"""pythae: its VAE and its BaseTrainer, with the networks of `torch_loop.py`."""

import tempfile

from torch_loop import networks
from worker import LATENT, LEARNING_RATE, serve


def make(net, x, batch_size, variant):
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    shape = (784,) if net == "mlp" else (1, 28, 28)
    inner = networks(net)

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.net = inner[0]

        def forward(self, x):
            mean, log_variance = self.net(x).chunk(2, dim=-1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.net = inner[1]

        def forward(self, z):
            return ModelOutput(reconstruction=self.net(z).sigmoid())

    config = VAEConfig(input_dim=shape, latent_dim=LATENT[net], reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(), decoder=Decoder())
    import torch

    x = torch.from_numpy(x.reshape(-1, *shape))
    settings = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=batch_size,
        learning_rate=LEARNING_RATE,
        optimizer_cls="Adam",
        no_cuda=True,
    )
    trainer = BaseTrainer(model, BaseDataset(x, torch.ones(len(x))), training_config=settings)
    trainer.prepare_training()
    epochs = iter(range(1, 10**9))
    return lambda: trainer.train_step(next(epochs))


if __name__ == "__main__":
    serve(make)
