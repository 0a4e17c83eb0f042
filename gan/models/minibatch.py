"""A critic that also sees how much the images of a class differ.

A generator whose images are too much alike is not found out one image at a time. So the critic is shown, beside the
features of an image, how far they are from the mean of its class in a group of images (the idea is that of the
minibatch standard deviation of arXiv 1710.10196, which is of all classes together and the same for all images). The
gradient penalty of an image then holds what it does to the scores of its neighbours, too, as it does in that paper.

Shapes: `B` batch, `K` classes, `D` features; `G` groups of `N` images.
"""

import tensorflow as tf

from gan.models.critic import Critic


class MinibatchCritic(Critic):
    """A critic whose head is shown for each map of the last layer how far an image is from its class, too.

    Images are looked at in groups of `group` consecutive ones, so that a run on several replicas is the same. Other
    numbers of images, as in an evaluation, are one group. An image that is alone of its class is no way from it.
    """

    group = 32

    @property
    def num_features(self) -> int:
        return super().num_features + self.base_shape[1]

    def features(self, h: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        h = tf.ensure_shape(h, (None, super().num_features))
        away = tf.reshape(self.away(h, labels), (-1, *self.base_shape))
        # The mean over places times the root of their number: as large as the features are.
        far = tf.reduce_sum(away, axis=1) / self.base_shape[0] ** 0.5
        return tf.ensure_shape(tf.concat([h, far], axis=1), (None, self.num_features))

    def away(self, h: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Distance of each feature from its mean over the class in the group: (B, D), (B, K) -> (B, D).

        Of a mixture of classes, from the same mixture of their means.
        """
        count = tf.shape(h)[0]
        size = tf.where(count % self.group == 0, self.group, count)
        grouped, classes = (tf.reshape(each, (-1, size, each.shape[1])) for each in (h, labels))  # (G, N, D or K)
        shares = tf.math.divide_no_nan(classes, tf.reduce_sum(classes, axis=1, keepdims=True))
        same = tf.matmul(classes, shares, transpose_b=True)  # (G, N, N): what each image is to another's mean
        return tf.reshape(tf.abs(grouped - tf.matmul(same, grouped)), tf.shape(h))
