"""Keras models that tests name as ``keras_factories:name``; to be imported with a backend chosen."""

from typing import Any

import keras
from keras import layers


def perceptron(in_features: int, n_classes: int, width: int = 16, dropout: float = 0.2) -> Any:
    """Rows through a hidden layer with dropout, to probabilities."""
    return keras.Sequential(
        [
            layers.Input((in_features,)),
            layers.Dense(width, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(dropout),
            layers.Dense(n_classes, activation="softmax"),
        ]
    )


def convolution(in_shape: tuple[int, int, int], num_classes: int) -> Any:
    """Images to logits, by the functional way, with whole maps dropped; compiled with an optimizer of its own."""
    image = layers.Input(in_shape)
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(image)
    x = layers.SpatialDropout2D(0.1)(x)
    x = layers.Conv2D(8, 3, activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(num_classes)(x)
    model = keras.Model(image, x)
    model.compile(optimizer=keras.optimizers.Adam(0.03))
    return model


class Subclass(keras.Model):
    """Written by hand: nobody can see its layers, and it ends in a softmax."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.hidden = layers.Dense(12, activation="tanh")
        self.out = layers.Dense(n_classes, activation="softmax")

    def call(self, x: Any) -> Any:
        return self.out(self.hidden(x))


def separate_softmax(in_features: int, n_classes: int) -> Any:
    """A softmax that is a layer of its own, and a head without a bias."""
    rows = layers.Input((in_features,))
    hidden = layers.Dense(6, activation="tanh", name="hidden")(rows)
    return keras.Model(rows, layers.Softmax()(layers.Dense(n_classes, use_bias=False)(hidden)))


def of_no_arguments() -> Any:
    return separate_softmax(5, 3)


def too_few(in_features: int) -> Any:
    return separate_softmax(in_features, 2)
