"""The same learning without `fit`: output, loss, gradient back through the network, a step of Adam.

Nothing is hidden. Each layer leaves in its context what it needs for the way back, and the gradients end up in the
variables.
"""

from cdl import Context, datasets, layers, losses, optimizers, utils


class Network:
    """784 -> 64 -> 10, from two layers."""

    def __init__(self):
        self.hidden = layers.Dense(64, activation="relu")
        self.output = layers.Dense(10)

    def forward(self, x):
        self.contexts = Context(training=True, need_input_grad=False), Context(training=True)
        h = self.hidden(x, ctx=self.contexts[0])
        return self.output(h, ctx=self.contexts[1])

    def backward(self, dz):
        dh = self.output.backward(self.contexts[1], dz)
        self.hidden.backward(self.contexts[0], dh)

    def variables(self):
        return self.hidden.trainable_variables + self.output.trainable_variables


utils.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
x_train, x_test = (x.reshape(len(x), 784) / 255.0 for x in (x_train, x_test))

network = Network()
loss = losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = optimizers.Adam(learning_rate=0.002)

for epoch in range(5):
    total = 0.0
    for start in range(0, len(x_train), 50):
        x, y = x_train[start : start + 50], y_train[start : start + 50]
        z = network.forward(x)
        value, dz = loss.value_and_gradient(y, z)
        for variable in network.variables():
            variable.grad = None
        network.backward(dz)
        optimizer.apply_gradients((variable.grad, variable) for variable in network.variables())
        total += value * len(x)
    accuracy = (network.forward(x_test).argmax(axis=1) == y_test).mean()
    print(f"epoch {epoch + 1}: loss {total / len(x_train):.3f}, test accuracy {accuracy:.1%}")
