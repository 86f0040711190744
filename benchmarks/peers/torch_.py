"""PyTorch: as in its tutorials; tuned; compiled."""

from __future__ import annotations

from itertools import pairwise

import torch
from timing import Task
from torch.nn import functional
from workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Network, gradients, noise

ACTIVATIONS = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softplus": functional.softplus,
}


class Net:
    def __init__(self, network: Network, tuned: bool, compiled: bool):
        self.weights = [torch.tensor(w.T if w.ndim == 2 else w).contiguous() for w in network.weights()]
        layers = [layer for i, o in pairwise(network.sizes) for layer in (torch.nn.ReLU(), torch.nn.Linear(i, o))][1:]
        self.model = torch.nn.Sequential(*layers).to(self.weights[0].dtype)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), LEARNING_RATE, (BETA_1, BETA_2), EPSILON, fused=tuned or None
        )
        self.loss = torch.compile(self._loss) if compiled else self._loss
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        for parameter, weight in zip(self.model.parameters(), self.weights, strict=True):
            parameter.copy_(weight)
        for state in self.optimizer.state.values():
            for slot in state.values():
                slot.zero_()

    def _loss(self, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(self.model(x), label)

    def step(self, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        loss = self.loss(x, label)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Peer:
    def __init__(self, threads: int, variant: str):
        torch.set_num_threads(threads)
        self.compiled = variant == "compile"
        self.tuned = variant in ("tuned", "compile")
        torch.set_flush_denormal(self.tuned)

    def _net(self, network: Network) -> Net:
        return Net(network, self.tuned, self.compiled)

    def train_step(self, network: Network) -> Task:
        net = self._net(network)
        batches = [(torch.tensor(x), torch.tensor(label).long()) for x, label in network.batches()]
        return Task.cycle(net.step, batches, net.reset)

    def fit_epoch(self, network: Network) -> Task:
        net, (x, label) = self._net(network), network.samples(60_000)
        x, label = torch.tensor(x), torch.tensor(label).long()

        def epoch() -> float:
            total = torch.zeros(())
            for part in torch.randperm(len(x)).split(network.batch):
                total += net.step(x[part], label[part]) * len(part)
            return total.item() / len(x)

        return Task(epoch, net.reset)

    def predict(self, network: Network, count: int) -> Task:
        model = self._net(network).model.eval()
        chunks = torch.tensor(network.samples(count)[0]).split(1000 if self.tuned else count)

        def predict() -> torch.Tensor:
            with torch.inference_mode():
                return torch.cat([model(x).softmax(1) for x in chunks]) if len(chunks) > 1 else model(x).softmax(1)

        x = chunks[0]
        return Task(predict)

    def matmul(self, a: tuple, b: tuple, transpose_a: bool, transpose_b: bool, dtype: str) -> Task:
        a, b = (torch.from_numpy(noise(*shape, dtype=dtype, seed=seed)) for seed, shape in enumerate((a, b), 1))
        a, b = a.T if transpose_a else a, b.T if transpose_b else b
        out = torch.empty(len(a), b.shape[1], dtype=a.dtype)
        return Task(lambda: torch.mm(a, b, out=out))

    def activation(self, name: str, size: int, backward: bool) -> Task:
        x, dy = torch.from_numpy(noise(size)), torch.from_numpy(noise(size, seed=1))
        function = ACTIVATIONS[name]
        if not backward:
            return Task(lambda: function(x))
        y = function(x.requires_grad_())
        return Task(lambda: torch.autograd.grad(y, x, dy, retain_graph=True)[0])

    def softmax(self, n: int, d: int) -> Task:
        x = torch.from_numpy(noise(n, d))
        return Task(lambda: torch.softmax(x, 1))

    def crossentropy(self, n: int, d: int) -> Task:
        z, label = torch.from_numpy(noise(n, d)).requires_grad_(), torch.arange(n) % d
        return Task(lambda: torch.autograd.grad(functional.cross_entropy(z, label), z)[0])

    def adam(self, size: int) -> Task:
        value = torch.from_numpy(noise(size)).requires_grad_()
        value.grad = torch.from_numpy(gradients(size))
        optimizer = torch.optim.Adam([value], LEARNING_RATE, (BETA_1, BETA_2), EPSILON, fused=self.tuned or None)

        def step() -> torch.Tensor:
            optimizer.step()
            return value.detach()

        return Task(step)
