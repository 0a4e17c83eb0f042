#!/usr/bin/env python3
"""The same networks and the same step in eager PyTorch, as one who knows it would write them: a child of speed.py.

    torch-env/bin/python benchmarks/step_torch.py --precision bfloat16       # waits for numbers of steps, see turns.py

What helps: Adam in one kernel, lists of tensors in one call, reals and fakes in one pass, each layer's kernel
normalised once an update, no gradient that nobody needs, and an allocator that keeps its memory (speed.py sees to it).
An activation whose second derivative is left out, since it is zero, brings 11% in float32 and 8% in bfloat16.
On the CPU where this was written PyTorch's own layout was faster than channels-last by 4% in float32 and by 15% in
bfloat16: --channels-last tries it. --compile compiles what is differentiated once; PyTorch cannot compile what is
differentiated twice, as the penalty is.
"""

import argparse
import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from turns import serve

WARM_UP_STEPS = 8
SIDE, IMAGES, LEAK = 32, 2048, 0.2


def leaky_product(x: torch.Tensor, leak: float) -> torch.Tensor:
    """Leaky ReLU as a product with its slopes, which are constants.

    The second derivative of PyTorch's own by x is a tensor of zeros, which would be sent back through all layers.
    """
    return x * (x.detach() > 0).to(x.dtype).mul_(1.0 - leak).add_(leak)


class Spectral(nn.Module):
    """A kernel in use as gain * W / sigma, sigma by singular vectors that `power_iteration` moves."""

    def __init__(self, *shape: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        nn.init.xavier_uniform_(self.weight)
        self.gain = nn.Parameter(torch.tensor(4.0))
        self.bias = nn.Parameter(torch.zeros(shape[0])) if bias else None
        self.register_buffer("u", torch.randn(shape[0]))
        self.register_buffer("v", torch.randn(self.weight[0].numel()))
        self.power_iteration(20)

    @torch.no_grad()
    def power_iteration(self, count: int) -> None:
        matrix = self.weight.flatten(1)
        for _ in range(count):
            self.u.copy_(F.normalize(matrix @ self.v, dim=0))
            self.v.copy_(F.normalize(self.u @ matrix, dim=0))

    def kernel(self) -> torch.Tensor:
        sigma = self.u @ (self.weight.flatten(1) @ self.v)
        return self.weight * (self.gain / sigma)


class Generator(nn.Module):
    """A DCGAN generator: (styles (B, Z), label vectors (B, K)) -> images (B, C, H, W)."""

    def __init__(self, noise: int, label: int, classes: int, width: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(classes, label, bias=False)
        self.dense = nn.Linear(noise + label, 16 * 4 * width, bias=False)
        self.base = (4 * width, 4, 4)

        def up(inputs: int, outputs: int, bias: bool = False) -> nn.Module:
            return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)

        def norm(width: int) -> nn.Module:
            return nn.BatchNorm2d(width, eps=1e-3, momentum=0.1)

        self.ups = nn.ModuleList([up(4 * width, 2 * width), up(2 * width, width), up(width, channels, True)])
        self.norms = nn.ModuleList([norm(4 * width), norm(2 * width), norm(width)])

    def forward(self, styles: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        x = self.dense(torch.cat([styles, self.embedding(labels)], 1))
        x = x.view(-1, *self.base)
        for norm, up in zip(self.norms, self.ups, strict=True):
            x = up(F.relu(norm(x), inplace=True))
        return torch.tanh(x.float())


class Critic(nn.Module):
    """A DCGAN critic with a projection head, whose kernels are handed in: they are the same all through an update."""

    def __init__(self, classes: int, width: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                Spectral(width, channels, 4, 4, bias=True),
                Spectral(2 * width, width, 4, 4, bias=True),
                Spectral(4 * width, 2 * width, 4, 4, bias=True),
                Spectral(1, 16 * 4 * width, bias=False),
                Spectral(16 * 4 * width, classes, bias=False),
            ]
        )

    def kernels(self) -> list[torch.Tensor]:
        return [layer.kernel() for layer in self.layers]

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, kernels: list[torch.Tensor], *, twice: bool = False
    ) -> torch.Tensor:
        """Scores; `twice`: they are to be differentiated twice."""
        activation = leaky_product if twice else F.leaky_relu
        x = images
        for layer, kernel in zip(self.layers[:3], kernels[:3], strict=True):
            x = activation(F.conv2d(x, kernel, layer.bias, stride=2, padding=1), LEAK)
        with torch.autocast(x.device.type, enabled=False):
            h = x.flatten(1).float()
            return (h @ kernels[3].T).squeeze(1) + (h * (labels @ kernels[4].T)).sum(1)


class Step:
    """One critic update with its penalty, then one generator update and the moving average."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.generator = Generator(given.noise, given.label, given.classes, given.width, given.channels)
        self.critic = Critic(given.classes, given.width, given.channels)
        self.layout = torch.channels_last if given.channels_last else torch.contiguous_format
        self.generator.to(memory_format=self.layout)
        self.critic.to(memory_format=self.layout)
        self.average = copy.deepcopy(self.generator)
        self.of_generator, self.of_critic = list(self.generator.parameters()), list(self.critic.parameters())
        settings: dict[str, Any] = {"lr": 1e-3, "betas": (0.0, 0.9), "eps": 1e-7, "fused": True}
        self.adam_generator = torch.optim.Adam(self.of_generator, **settings)
        self.adam_critic = torch.optim.Adam(self.of_critic, **settings)
        self.averaged = [x for x in [*self.average.parameters(), *self.average.buffers()] if x.is_floating_point()]
        self.current = [x for x in [*self.generator.parameters(), *self.generator.buffers()] if x.is_floating_point()]
        self.averaged, self.current = ([x.detach() for x in each] for each in (self.averaged, self.current))
        self.images = torch.randint(0, 256, (IMAGES, given.channels, SIDE, SIDE), dtype=torch.uint8)
        self.classes = torch.randint(0, given.classes, (IMAGES,))
        self.number = 0
        self.draw_fakes: Any = torch.compile(self.generator) if given.compile else self.generator
        self.score: Any = torch.compile(self.critic) if given.compile else self.critic

    def __call__(self) -> torch.Tensor:
        given = self.given
        chosen = torch.randint(0, IMAGES, (given.batch,))
        reals = self.images[chosen].contiguous(memory_format=self.layout).float().div_(127.5).sub_(1.0)
        labels = F.one_hot(self.classes[chosen], given.classes).float()
        with torch.autocast(reals.device.type, torch.bfloat16, enabled=given.precision == "bfloat16"):
            loss = self.update_critic(reals, labels)
            self.update_generator(labels)
        self.move_average()
        return loss

    def update_critic(self, reals: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            fakes = self.draw_fakes(torch.randn(len(reals), self.given.noise), labels)
        kernels = self.critic.kernels()
        scores = self.score(torch.cat([reals, fakes]), labels.repeat(2, 1), kernels)
        real_scores, fake_scores = scores.chunk(2)
        between = torch.lerp(fakes, reals, torch.rand(len(reals), 1, 1, 1)).requires_grad_()
        total = self.critic(between, labels, kernels, twice=True).sum()
        (gradient,) = torch.autograd.grad(total, between, create_graph=True)
        norms = (gradient.float().square().sum((1, 2, 3)) + 1e-12).sqrt()
        loss = (fake_scores - real_scores).mean() + 10.0 * (norms - 1.0).square().mean()
        self.adam_critic.zero_grad(set_to_none=True)
        loss.backward(inputs=self.of_critic)
        self.adam_critic.step()
        for layer in self.critic.layers:
            layer.power_iteration(1)
        return loss.detach()

    def update_generator(self, labels: torch.Tensor) -> None:
        with torch.no_grad():
            kernels = self.critic.kernels()
        fakes = self.draw_fakes(torch.randn(len(labels), self.given.noise), labels)
        loss = -self.score(fakes, labels, kernels).mean()
        self.adam_generator.zero_grad(set_to_none=True)
        loss.backward(inputs=self.of_generator)
        self.adam_generator.step()

    @torch.no_grad()
    def move_average(self) -> None:
        decay = min(0.999, (1 + self.number) / (10 + self.number))
        torch._foreach_lerp_(self.averaged, self.current, 1.0 - decay)
        self.number += 1


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("channels", 1), ("classes", 10), ("width", 32), ("batch", 64), ("seed", 0)):
        flags.add_argument(f"--{name}", type=int, default=default)
    flags.add_argument("--noise", type=int, default=100)
    flags.add_argument("--label", type=int, default=64)
    flags.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    flags.add_argument("--channels-last", action="store_true")
    flags.add_argument("--compile", action="store_true")
    given = flags.parse_args()
    torch.manual_seed(given.seed)
    torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")
    step = Step(given)

    def turn(steps: int) -> None:
        for _ in range(steps):
            loss = step()
        float(loss)

    turn(WARM_UP_STEPS)

    def count(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    serve(
        turn,
        parameters={"generator": count(step.generator), "critic": count(step.critic)},
        version=f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads",
    )


if __name__ == "__main__":
    main()
