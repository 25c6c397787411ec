"""The reference recipe's training step in PyTorch eager, to compare `trainer bench` with.

    python trainer/benches/reference_step.py --steps 6 --batch-size 128

Prints one line as `trainer bench` does: images/s by the mean over the steps after the first, and the median step.
"""

import argparse
import statistics
import time

import torch
from torch import nn


def norm(channels):
    return nn.BatchNorm2d(channels, momentum=0.1, eps=0.8)


class Generator(nn.Module):
    def __init__(self, labels):
        super().__init__()
        self.label_conditioned_generator = nn.Sequential(nn.Embedding(labels, 100), nn.Linear(100, 16))
        self.latent = nn.Sequential(nn.Linear(100, 8192), nn.LeakyReLU(0.2, inplace=True))
        layers, inputs = [], 513
        for outputs in (512, 256, 128, 64):
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), norm(outputs), nn.ReLU(True)]
            inputs = outputs
        layers += [nn.ConvTranspose2d(inputs, 3, 4, 2, 1, bias=False), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, latent, label):
        label_map = self.label_conditioned_generator(label).view(-1, 1, 4, 4)
        return self.model(torch.cat((self.latent(latent).view(-1, 512, 4, 4), label_map), dim=1))


class Discriminator(nn.Module):
    def __init__(self, labels):
        super().__init__()
        self.label_condition_disc = nn.Sequential(nn.Embedding(labels, 100), nn.Linear(100, 3 * 128 * 128))
        layers, inputs = [nn.Conv2d(6, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)], 64
        for outputs in (128, 256, 512):
            layers += [nn.Conv2d(inputs, outputs, 4, 3, 2, bias=False), norm(outputs), nn.LeakyReLU(0.2, inplace=True)]
            inputs = outputs
        layers += [nn.Flatten(), nn.Dropout(0.4), nn.Linear(4608, 1), nn.Sigmoid()]
        self.model = nn.Sequential(*layers)

    def forward(self, image, label):
        label_map = self.label_condition_disc(label).view(-1, 3, 128, 128)
        return self.model(torch.cat((image, label_map), dim=1))


def initialize(module):
    name = type(module).__name__
    if "Conv" in name:
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif "BatchNorm" in name:
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tf32", action="store_true", help="let CUDA multiply f32 in TF32")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_default_device(options.device)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = options.tf32
    torch.manual_seed(1)

    generator, discriminator = Generator(3), Discriminator(3)
    generator.apply(initialize)
    discriminator.apply(initialize)
    loss = nn.BCELoss()
    adam = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (generator, discriminator)
    ]
    real = torch.randint(0, 256, (options.batch_size, 3, 128, 128)).float() / 127.5 - 1
    label = torch.randint(0, 3, (options.batch_size,))
    ones, zeros = torch.ones(options.batch_size, 1), torch.zeros(options.batch_size, 1)

    seconds = []
    for _ in range(options.steps + 1):
        start = time.perf_counter()
        adam[1].zero_grad()
        real_loss = loss(discriminator(real, label), ones)
        fake = generator(torch.randn(options.batch_size, 100), label)
        fake_loss = loss(discriminator(fake.detach(), label), zeros)
        ((real_loss + fake_loss) / 2).backward()
        adam[1].step()
        adam[0].zero_grad()
        generator_loss = loss(discriminator(fake, label), ones)
        generator_loss.backward()
        adam[0].step()
        generator_loss.item()
        seconds.append(time.perf_counter() - start)
    mean, median = statistics.mean(seconds[1:]), statistics.median(seconds[1:])
    print(
        f"{options.batch_size / mean:.2f} images/s; a step takes {mean * 1e3:.0f} ms in the mean and "
        f"{median * 1e3:.0f} in the median of {options.steps}"
    )


if __name__ == "__main__":
    main()
