"""PyTorch: eager, a DataLoader, Adam; variant channels_last sets the memory layout."""

from worker import FILTERS, HIDDEN, LATENT, LEARNING_RATE, serve


def networks(net):
    """Return encoder and decoder; the encoder ends in 2 * latent units."""
    from torch import nn

    latent = LATENT[net]
    if net == "mlp":
        pairs = [
            [nn.Linear(784, HIDDEN[0]), nn.Linear(*HIDDEN), nn.Linear(HIDDEN[1], 2 * latent)],
            [nn.Linear(latent, HIDDEN[0]), nn.Linear(*HIDDEN), nn.Linear(HIDDEN[1], 784)],
        ]
        return [nn.Sequential(a, nn.ReLU(), b, nn.ReLU(), c) for a, b, c in pairs]
    first, second = FILTERS
    encoder = nn.Sequential(
        nn.Conv2d(1, first, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(49 * second, latent),
        nn.ReLU(),
        nn.Linear(latent, 2 * latent),
    )
    decoder = nn.Sequential(
        nn.Linear(latent, 49 * second),
        nn.ReLU(),
        nn.Unflatten(1, (second, 7, 7)),
        nn.ConvTranspose2d(second, second, 3, 2, 1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(second, first, 3, 2, 1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(first, 1, 3, 1, 1),
    )
    return encoder, decoder


def make(net, x, batch_size, variant):
    import torch

    encoder, decoder = networks(net)
    shape = (-1, 784) if net == "mlp" else (-1, 1, 28, 28)
    data = torch.utils.data.TensorDataset(torch.from_numpy(x).reshape(shape))
    loader = torch.utils.data.DataLoader(data, batch_size, shuffle=True)
    if variant == "channels_last":
        for network in (encoder, decoder):
            network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], LEARNING_RATE)

    def epoch():
        for (batch,) in loader:
            if variant == "channels_last":
                batch = batch.to(memory_format=torch.channels_last)
            mean, log_variance = encoder(batch).chunk(2, dim=-1)
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            pixels = torch.nn.functional.binary_cross_entropy_with_logits(
                decoder(z), batch, reduction="sum"
            )
            kl = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum()
            optimizer.zero_grad()
            ((pixels + kl) / len(batch)).backward()
            optimizer.step()

    return epoch


if __name__ == "__main__":
    serve(make)
