"""A distribution layer with a weight of its own, as a user may write it."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

import kvae

tfd = tfp.distributions


@keras.saving.register_keras_serializable(package="tests")
class WeightedNormal(kvae.layers.DistributionLayer):
    """Independent normals around the parameters; the common scale is a weight."""

    def build(self, input_shape):
        self.raw_scale = self.add_weight(shape=(), initializer="zeros", name="raw_scale")
        super().build(input_shape)

    def make_distribution(self, params):
        (loc,) = self.blocks(params)
        scale = tf.math.softplus(self.raw_scale.value)
        return tfd.Independent(tfd.Normal(loc, scale), len(self.event_shape))
