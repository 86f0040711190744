"""PyTorch: as in its tutorials; tuned; compiled."""

from __future__ import annotations

import inspect
from functools import partial

import numpy as np
import torch
from geometry import Convolution, Pooling
from networks import (
    Adversaries,
    Conv,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAverage,
    MaxPool,
    Network,
    Recurrent,
    count_arrays,
)
from timing import Task
from torch.nn import functional
from workloads import BETA_1, BETA_2, BN_EPSILON, EPSILON, LEARNING_RATE, gradients, noise

# Keras' name: PyTorch's rule, with the same constants
RULES = {
    "SGD": torch.optim.SGD,
    "RMSprop": partial(torch.optim.RMSprop, alpha=0.9, eps=EPSILON),
    "Adam": partial(torch.optim.Adam, betas=(BETA_1, BETA_2), eps=EPSILON),
    "AdamW": partial(torch.optim.AdamW, betas=(BETA_1, BETA_2), eps=EPSILON),
    "Adamax": partial(torch.optim.Adamax, betas=(BETA_1, BETA_2), eps=EPSILON),
    "Nadam": partial(torch.optim.NAdam, betas=(BETA_1, BETA_2), eps=EPSILON, momentum_decay=1.0),
    "Adagrad": partial(torch.optim.Adagrad, initial_accumulator_value=0.1, eps=EPSILON),
    "Adadelta": partial(torch.optim.Adadelta, rho=0.95, eps=EPSILON),
}

ACTIVATIONS = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softplus": functional.softplus,
}


def modules(network: Network, tuned: bool) -> list[torch.nn.Module]:
    made, nn = [], torch.nn
    for layer, (*_, channels) in zip(network.layers, network.shapes(), strict=False):
        match layer:
            case Conv(filters, size, padding):
                kind = getattr(nn, f"Conv{len(size)}d")
                made += [kind(channels, filters, size, padding=padding), nn.ReLU(inplace=tuned)]
            case MaxPool(axes):
                made.append(getattr(nn, f"MaxPool{axes}d")(2))
            case Flatten():
                made.append(nn.Flatten())
            case GlobalAverage():
                made += [nn.AdaptiveAvgPool1d(1), nn.Flatten()]
            case Dropout(rate):
                made.append(nn.Dropout(rate))
            case Dense(units):
                made += [nn.Linear(channels, units), nn.ReLU(inplace=tuned)]
            case Embedding(words, units):
                made.append(nn.Embedding(words, units))
            case Recurrent():
                made.append(Last(layer, channels))
    return made[:-1]


class Last(torch.nn.Module):
    """The last state alone, of a recurrent module with a single bias."""

    def __init__(self, layer: Recurrent, i: int):
        super().__init__()
        self.all = getattr(torch.nn, layer.kind.removeprefix("Simple"))(i, layer.units, batch_first=True)
        self.all.bias_hh_l0.requires_grad_(layer.kind == "GRU")  # else Adam would move the sum of both twice as far

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.all(x)[0][:, -1]


def own_weights(layer: Recurrent, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
    """Keras' weights as PyTorch's: transposed, two biases, and r before z in a GRU."""
    first, second = bias if layer.kind == "GRU" else (bias, np.zeros_like(bias))
    parts = [np.split(w, layer.gates) for w in (kernel.T, recurrent.T, first, second)]
    order = [1, 0, 2] if layer.kind == "GRU" else range(layer.gates)
    return [np.concatenate([part[gate] for gate in order]) for part in parts]


def weights(network: Network) -> list[torch.Tensor]:
    """In the order of the modules' parameters."""
    given, own = iter(network.weights_channels_first()), []
    for layer in network.layers:
        arrays = [next(given) for _ in range(count_arrays(layer))]
        own += own_weights(layer, *arrays) if isinstance(layer, Recurrent) else arrays
    return [torch.from_numpy(array) for array in own]


class Net:
    def __init__(self, network: Network, tuned: bool, compiled: bool):
        self.weights = weights(network)
        self.model = torch.nn.Sequential(*modules(network, tuned)).to(self.weights[0].dtype)
        if tuned and len(network.input_shape) == 3:
            self.model.to(memory_format=torch.channels_last)
        learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(learning, LEARNING_RATE, (BETA_1, BETA_2), EPSILON, fused=tuned or None)
        self.loss = torch.compile(self._loss) if compiled else self._loss
        for parameter in learning:
            parameter.grad = torch.zeros_like(parameter)
        self.optimizer.step()  # makes Adam's moments
        self.optimizer.zero_grad()
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

    def _batch(self, network: Network, x: np.ndarray) -> torch.Tensor:
        return self._samples(x) if network.convolutional else torch.from_numpy(x)

    def _samples(self, array: np.ndarray) -> torch.Tensor:
        """(n, ..., c) as PyTorch's (n, c, ...); the tuned peer's images keep the order in memory."""
        kept = torch.channels_last if self.tuned and array.ndim == 4 else torch.contiguous_format
        return torch.from_numpy(np.moveaxis(array, -1, 1)).contiguous(memory_format=kept)

    def train_step(self, network: Network) -> Task:
        net = self._net(network)
        batches = [(self._batch(network, x), torch.tensor(label).long()) for x, label in network.batches()]
        return Task.cycle(net.step, batches, net.reset)

    def adversarial_step(self, work: Adversaries) -> Task:
        g, d = (Net(network, self.tuned, self.compiled) for network in (work.generator, work.discriminator))
        ones, zeros = torch.ones(work.batch, 1), torch.zeros(work.batch, 1)
        labels, loss_of = torch.cat([ones, zeros]), functional.binary_cross_entropy_with_logits
        parameters = list(d.model.parameters())

        def step(first: torch.Tensor, real: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                fake = g.model(first).sigmoid()
            d_loss = loss_of(d.model(torch.cat([real, fake])), labels)
            d.optimizer.zero_grad()
            d_loss.backward()
            d.optimizer.step()
            for parameter in parameters:  # its gradients would be computed in vain
                parameter.requires_grad_(False)
            g_loss = loss_of(d.model(g.model(second).sigmoid()), ones)
            g.optimizer.zero_grad()
            g_loss.backward()
            g.optimizer.step()
            for parameter in parameters:
                parameter.requires_grad_(True)
            return torch.stack([d_loss.detach(), g_loss.detach()])

        batches = [tuple(map(torch.from_numpy, batch)) for batch in work.batches()]
        return Task.cycle(step, batches, lambda: [net.reset() for net in (g, d)])

    def fit_epoch(self, network: Network) -> Task:
        net, (x, label) = self._net(network), network.samples(60_000)
        x, label = self._batch(network, x), torch.tensor(label).long()

        def epoch() -> float:
            total = torch.zeros(())
            for part in torch.randperm(len(x)).split(network.batch):
                total += net.step(x[part], label[part]) * len(part)
            return total.item() / len(x)

        return Task(epoch, net.reset)

    def predict(self, network: Network, count: int) -> Task:
        model = self._net(network).model.eval()
        chunks = self._batch(network, network.samples(count)[0]).split(network.part if self.tuned else count)

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

    def optimizer(self, rule: str, options: tuple, network: Network) -> Task | None:
        how = {"fused": True} if self.tuned else {"foreach": True}
        if rule not in RULES or not how.keys() <= inspect.signature(RULES[rule]).parameters.keys():
            return None
        rest = dict(options)
        limit, average = rest.pop("global_clipnorm", None), rest.pop("use_ema", False)
        values = [torch.tensor(weight, dtype=torch.float32, requires_grad=True) for weight in network.weights()]
        averages = [value.detach().clone() for value in values]
        optimizer = RULES[rule](values, lr=LEARNING_RATE, **how, **rest)
        for value in values:
            value.grad = torch.from_numpy(gradients(*value.shape))

        @torch.no_grad()
        def step() -> None:
            if limit:
                torch.nn.utils.clip_grad_norm_(values, limit, foreach=True)
            optimizer.step()
            if average:
                torch._foreach_lerp_(averages, values, 0.01)  # as torch.optim.swa_utils does

        return Task(step, read=lambda _: flat([value.detach() for value in values]))

    def convolution(self, case: Convolution, wanted: str) -> Task:
        x, kernel, dy = case.operands()
        x, kernel, dy = (self._samples(array) for array in (x, np.moveaxis(kernel, -1, 0), dy))
        stride, pad, dilation = [case.stride] * 2, [case.pad] * 2, [1, 1]
        if wanted == "forward":
            return Task(lambda: functional.conv2d(x, kernel, None, stride, pad, dilation, case.groups), read=image)
        mask = ["dx" in wanted, "dkernel" in wanted, False]
        rest = None, stride, pad, dilation, False, [0, 0], case.groups, mask

        def read(gradients: tuple) -> np.ndarray:
            orders = (0, 2, 3, 1), (2, 3, 1, 0)
            return flat([g.permute(order) for g, order in zip(gradients, orders, strict=False) if g is not None])

        return Task(lambda: torch.ops.aten.convolution_backward(dy, x, kernel, *rest), read=read)

    def pooling(self, case: Pooling, wanted: str) -> Task:
        x, dy = map(self._samples, case.operands())
        size, pad, aten = [case.size] * 2, [0, 0], torch.ops.aten
        if case.kind == "average":
            rest = size, size, pad, False, True, None
            if wanted == "forward":
                return Task(lambda: aten.avg_pool2d(x, *rest), read=image)
            return Task(lambda: aten.avg_pool2d_backward(dy, x, *rest), read=image)
        if wanted == "forward":
            return Task(lambda: functional.max_pool2d(x, size), read=image)
        _, index = aten.max_pool2d_with_indices(x, size)
        rest = size, size, pad, [1, 1], False, index
        return Task(lambda: aten.max_pool2d_with_indices_backward(dy, x, *rest), read=image)

    def batch_norm(self, shape: tuple) -> Task:
        x, dy = self._samples(noise(*shape)), self._samples(noise(*shape, seed=1))
        gamma, beta = torch.ones(shape[-1]), torch.zeros(shape[-1])

        def both() -> tuple:
            y, mean, scale = torch.native_batch_norm(x, gamma, beta, None, None, True, 0.01, BN_EPSILON)
            rest = gamma, None, None, mean, scale, True, BN_EPSILON, [True] * 3
            return y, *torch.ops.aten.native_batch_norm_backward(dy, x, *rest)

        def read(values: tuple) -> np.ndarray:
            y, dx, dgamma, dbeta = values
            return flat([image(y), image(dx), dgamma, dbeta])

        return Task(both, read=read)


def image(tensor: torch.Tensor) -> torch.Tensor:
    """Back to (n, height, width, c)."""
    return tensor.permute(0, 2, 3, 1)


def flat(tensors: list) -> np.ndarray:
    return np.concatenate([np.ravel(tensor) for tensor in tensors])
