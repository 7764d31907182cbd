"""Four ways to read an 8 x 8 digit from few examples: networks, kernel ridge regression, nearest neighbours, committees.

Images are rows of 64 numbers in 0..1; labels are integers 0..9. A model has
    fit(images, labels, step)   step(fraction, number, loss) is called now and then, to report and to compare
    scores(images)              one row of 10 probabilities for each image
    arrays(), load(arrays)      what it has learned, as named arrays
Every draw comes from the generator given to the constructor: the same seed learns the same model.
"""

import numpy as np

CLASSES = 10
SIDE = 8


def one_hot(labels):
    return np.eye(CLASSES)[labels]


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def cross_entropy(probabilities, labels):
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


def accuracy(probabilities, labels):
    return float((probabilities.argmax(axis=1) == labels).mean())


def shifted(images, down, right):
    """The images moved by whole pixels; what comes in at the border is blank."""
    padded = np.pad(images.reshape(-1, SIDE, SIDE), ((0, 0), (1, 1), (1, 1)))
    return padded[:, 1 - down : 1 - down + SIDE, 1 - right : 1 - right + SIDE].reshape(-1, SIDE * SIDE)


def with_shifts(images, labels):
    """The images and their four neighbours one pixel away: writers do not centre their digits, and 150 labels are few."""
    moves = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
    return np.concatenate([shifted(images, down, right) for down, right in moves]), np.tile(labels, len(moves))


class Network:
    """A feed-forward network with rectified hidden layers; without hidden layers it is softmax regression."""

    def __init__(self, generator, hidden=(), optimizer="adam", rate=0.002, decay=1e-4, noise=0.0, epochs=100, batch=32, shifts=True):
        self.generator = generator
        self.optimizer, self.rate, self.decay, self.noise = optimizer, rate, decay, noise
        self.epochs, self.batch, self.shifts = epochs, batch, shifts
        sizes = (SIDE * SIDE, *hidden, CLASSES)
        self.weights = [generator.normal(0, np.sqrt(2 / wide), (wide, narrow)) for wide, narrow in zip(sizes, sizes[1:])]
        self.biases = [np.zeros(narrow) for narrow in sizes[1:]]

    def fit(self, images, labels, step):
        if self.shifts:
            images, labels = with_shifts(images, labels)
        update = {"adam": Adam, "momentum": Momentum}[self.optimizer](self.weights + self.biases)
        number = 0
        for epoch in range(self.epochs):
            # A cosine from the full rate to zero: large steps find the valley, small ones its floor.
            rate = self.rate * 0.5 * (1 + np.cos(np.pi * epoch / self.epochs))
            order = self.generator.permutation(len(images))
            losses = []
            for start in range(0, len(order), self.batch):
                chosen = order[start : start + self.batch]
                inputs = images[chosen]
                if self.noise:
                    inputs = inputs + self.generator.normal(0, self.noise, inputs.shape)
                loss, gradients = self.gradients(inputs, labels[chosen])
                update(gradients, rate)
                losses.append(loss)
                number += 1
            step((epoch + 1) / self.epochs, number, float(np.mean(losses)))

    def forward(self, images):
        """The output of every layer, the images first and the logits last."""
        outputs = [images]
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            sums = outputs[-1] @ weight + bias
            outputs.append(sums if layer == len(self.weights) - 1 else np.maximum(sums, 0))
        return outputs

    def gradients(self, images, labels):
        """Mean cross-entropy with weight decay, and its gradient for each of `weights + biases`."""
        outputs = self.forward(images)
        probabilities = softmax(outputs[-1])
        loss = cross_entropy(probabilities, labels) + 0.5 * self.decay * sum(float((weight**2).sum()) for weight in self.weights)
        error = (probabilities - one_hot(labels)) / len(labels)
        of_weights, of_biases = [], []
        for layer in reversed(range(len(self.weights))):
            of_weights.insert(0, outputs[layer].T @ error + self.decay * self.weights[layer])
            of_biases.insert(0, error.sum(axis=0))
            error = (error @ self.weights[layer].T) * (outputs[layer] > 0)
        return loss, of_weights + of_biases

    def scores(self, images):
        return softmax(self.forward(images)[-1])

    def arrays(self):
        named = {f"weight{layer}": weight for layer, weight in enumerate(self.weights)}
        return named | {f"bias{layer}": bias for layer, bias in enumerate(self.biases)}

    def load(self, arrays):
        self.weights = [arrays[f"weight{layer}"] for layer in range(len(self.weights))]
        self.biases = [arrays[f"bias{layer}"] for layer in range(len(self.biases))]


class Momentum:
    """Gradient descent with a memory of 10 steps (Polyak). Changes the parameters in place."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.speeds = [np.zeros_like(parameter) for parameter in parameters]

    def __call__(self, gradients, rate):
        for parameter, speed, gradient in zip(self.parameters, self.speeds, gradients):
            speed *= 0.9
            speed -= rate * gradient
            parameter += speed


class Adam:
    """Adam with the constants of its paper (Kingma and Ba, 2015). Changes the parameters in place."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.first = [np.zeros_like(parameter) for parameter in parameters]
        self.second = [np.zeros_like(parameter) for parameter in parameters]
        self.count = 0

    def __call__(self, gradients, rate):
        self.count += 1
        scale = rate * np.sqrt(1 - 0.999**self.count) / (1 - 0.9**self.count)
        for parameter, first, second, gradient in zip(self.parameters, self.first, self.second, gradients):
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            parameter -= scale * first / (np.sqrt(second) + 1e-8)


def squared_distances(left, right):
    """In place: this matrix is what takes the memory."""
    squares = left @ right.T
    squares *= -2
    squares += (left**2).sum(axis=1)[:, None]
    squares += (right**2).sum(axis=1)
    return np.maximum(squares, 0, out=squares)


class KernelRidge:
    """Ridge regression on one-hot targets under a Gaussian kernel, solved by conjugate gradients, all ten classes at once."""

    def __init__(self, generator, gamma=0.5, ridge=0.1, rounds=60, sharpness=8.0, shifts=True):
        del generator  # nothing here is drawn
        self.gamma, self.ridge, self.rounds, self.sharpness, self.shifts = gamma, ridge, rounds, sharpness, shifts
        self.anchors = np.zeros((0, SIDE * SIDE))
        self.weights = np.zeros((0, CLASSES))

    def kernel(self, images):
        exponents = squared_distances(images, self.anchors)
        exponents *= -self.gamma
        return np.exp(exponents, out=exponents)

    def fit(self, images, labels, step):
        if self.shifts:
            images, labels = with_shifts(images, labels)
        self.anchors = images
        self.weights = np.zeros((len(images), CLASSES))
        system = self.kernel(images)
        np.fill_diagonal(system, system.diagonal() + self.ridge)
        remainder = one_hot(labels)
        direction = remainder.copy()
        power = (remainder**2).sum(axis=0)
        for number in range(1, self.rounds + 1):
            image = system @ direction
            length = power / np.maximum((direction * image).sum(axis=0), 1e-300)
            self.weights = self.weights + length * direction
            remainder = remainder - length * image
            previous, power = power, (remainder**2).sum(axis=0)
            direction = remainder + power / np.maximum(previous, 1e-300) * direction
            step(number / self.rounds, number, float(power.mean() / len(images)))

    def scores(self, images):
        return softmax(self.sharpness * (self.kernel(images) @ self.weights))

    def arrays(self):
        return {"anchors": self.anchors, "weights": self.weights}

    def load(self, arrays):
        self.anchors, self.weights = arrays["anchors"], arrays["weights"]


class Neighbours:
    """The nearest known images vote, nearer ones louder. Learning is remembering, so its loss is found by leaving images out."""

    def __init__(self, generator, count=3, gamma=1.0, shifts=True):
        del generator  # nothing here is drawn
        self.count, self.gamma, self.shifts = count, gamma, shifts
        self.known = np.zeros((0, SIDE * SIDE))
        self.labels = np.zeros(0, dtype=int)

    def fit(self, images, labels, step):
        for number in range(len(images)):
            others = np.arange(len(images)) != number
            self.remember(images[others], labels[others])
            loss = cross_entropy(self.scores(images[number : number + 1]), labels[number : number + 1])
            step((number + 1) / len(images), number + 1, loss)
        self.remember(images, labels)

    def remember(self, images, labels):
        self.known, self.labels = with_shifts(images, labels) if self.shifts else (images, labels)

    def scores(self, images):
        distances = squared_distances(images, self.known)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, : self.count]
        votes = np.exp(-self.gamma * np.take_along_axis(distances, nearest, axis=1))
        totals = np.full((len(images), CLASSES), 1e-3)  # nobody is certain of ten classes from three neighbours
        for column in range(self.count):
            totals[np.arange(len(images)), self.labels[nearest[:, column]]] += votes[:, column]
        return totals / totals.sum(axis=1, keepdims=True)

    def arrays(self):
        return {"known": self.known, "labels": self.labels}

    def load(self, arrays):
        self.known, self.labels = arrays["known"], arrays["labels"]


class Committee:
    """Networks that differ only in their draws; their mean is steadier than any of them."""

    def __init__(self, generator, members=5, **options):
        self.members = [Network(generator, **options) for _ in range(members)]

    def fit(self, images, labels, step):
        taken = 0
        for place, member in enumerate(self.members):
            last = taken

            def member_step(fraction, number, loss, place=place, last=last):
                nonlocal taken
                taken = last + number
                step((place + fraction) / len(self.members), taken, loss)

            member.fit(images, labels, member_step)

    def scores(self, images):
        return np.mean([member.scores(images) for member in self.members], axis=0)

    def arrays(self):
        return {f"{place}.{name}": array for place, member in enumerate(self.members) for name, array in member.arrays().items()}

    def load(self, arrays):
        for place, member in enumerate(self.members):
            prefix = f"{place}."
            member.load({name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)})


MODELS = {"network": Network, "committee": Committee, "kernel": KernelRidge, "neighbours": Neighbours}
