"""How many floating-point operations a step is: by formula from the networks' shapes, and from the traced graph.

An addition and a multiplication are two operations. A convolution is 2 B Ho Wo kh kw Ci Co, and so is each of its two
gradients; taps on the padding count. A transposed convolution is the gradient of one. Counted are the products of
matrices and the convolutions, and nothing else: that is what a processor's speed is measured by.

    count = reference(spec, config).total                        # per image, of the layers as they are usually written
    counts = of_function(trainer.traced.get_concrete_function())     # of all that one step computes, by kind

Shapes: `B` batch, `Ho Wo` the smaller side of a strided convolution, `Ci Co` its channels.
"""

import math
from collections import Counter
from typing import Any, NamedTuple

KERNEL_SIDE = 4

CONVOLUTIONS = {
    "Conv2D": "convolutions",
    "Conv2DBackpropInput": "transposed, and gradients of inputs",
    "Conv2DBackpropFilter": "gradients of kernels",
}
PRODUCTS = {"MatMul": "matrix products", "BatchMatMulV2": "matrix products", "BatchMatMulV3": "matrix products"}
UNKNOWN = ("Einsum", "Conv", "Conv2DBackpropInputV2", "Conv2DBackpropFilterV2", "Conv3D", "DepthwiseConv2dNative")
KINDS = (*dict.fromkeys(CONVOLUTIONS.values()), "matrix products")

Shape = list[int]


class Reference(NamedTuple):
    """Operations per image of one step, of the parts that it is made of."""

    critic_on_reals_and_fakes: float
    penalty: float
    generator_for_the_critic: float
    generator_update: float

    @property
    def total(self) -> float:
        return sum(self)


def critic_layers(spec: Any, config: Any) -> list[int]:
    """Operations of each layer of the DCGAN critic in one pass forward on one image; head and embedding last."""
    from gan.models.sizes import network_sizes

    sizes = network_sizes(spec.height, spec.width)
    layers, inputs, height, width = [], spec.channels, sizes.height, sizes.width
    for outputs in sizes.channels(config.crit_width):
        height, width = height // 2, width // 2
        layers.append(2 * height * width * KERNEL_SIDE**2 * inputs * outputs)
        inputs = outputs
    features = height * width * inputs
    return [*layers, 2 * features, 2 * features * spec.num_classes]


def generator_layers(spec: Any, config: Any) -> list[int]:
    """The same of the DCGAN generator; label embedding and dense layer first."""
    from gan.models.sizes import network_sizes

    sizes = network_sizes(spec.height, spec.width)
    channels = sizes.channels(config.gen_width)[::-1]
    height, width = sizes.base_height, sizes.base_width
    dense = 2 * (config.noise_dims + config.label_dims) * height * width * channels[0]
    layers = [2 * spec.num_classes * config.label_dims, dense]
    for inputs, outputs in zip(channels, [*channels[1:], spec.channels], strict=True):
        layers.append(2 * height * width * KERNEL_SIDE**2 * inputs * outputs)
        height, width = 2 * height, 2 * width
    return layers


def reference(spec: Any, config: Any) -> Reference:
    """What one step of the DCGAN pair must compute per image, if nothing is computed that is not needed.

    One critic update is on as many reals as fakes: forward, and of each layer the gradients of kernel and input, but of
    the first and the embedding, whose inputs need none. The penalty goes forward and back to the image, which is
    differentiated by the kernels: each layer is used four times, the head once for its gradient, and the last pass
    forward of the head is not needed. A generator update goes through the critic to the image and back to the dense
    layer and the embedding.
    """
    *convolutions, head, embedding = critic_layers(spec, config)
    labels, dense, *ups = generator_layers(spec, config)
    through, first = sum(convolutions), convolutions[0]
    update = 2 * (3 * through - first + 3 * head + 2 * embedding)
    penalty = 4 * through + 2 * embedding
    forward = labels + dense + sum(ups)
    generator = 3 * (dense + sum(ups)) + 2 * labels + 2 * (through + head) + embedding
    updates = config.crit_steps
    return Reference(updates * update, updates * penalty / config.penalty_every, updates * forward, generator)


def of_function(concrete: Any) -> Counter[str]:
    """Operations of one call of a traced function by kind, with all functions that it calls.

    A loop counts as one round, and of the branches of a condition the one with more: where a loop goes round once per
    step, the sum is that of one step. What nothing depends on is left out, as TensorFlow leaves it out when it runs.

    Raises:
        ValueError: a shape is not known, or an operation of a kind that is not known multiplies matrices.
    """
    definition = concrete.graph.as_graph_def(add_shapes=True)
    functions = {function.signature.name: function for function in definition.library.function}
    return _of_nodes(definition.node, {}, functions)


def _of_function(name: str, functions: dict[str, Any]) -> Counter[str]:
    function = functions[name]
    arguments: dict[str, list[Shape]] = {
        argument.name: [_shape(shape) for shape in function.arg_attr[index].attr["_output_shapes"].list.shape]
        for index, argument in enumerate(function.signature.input_arg)
    }
    return _of_nodes(_needed(function), arguments, functions)


def _needed(function: Any) -> list[Any]:
    """The nodes that the results of a function, or what it changes, depend on."""
    nodes = {node.name: node for node in function.node_def}
    left = [*function.ret.values(), *function.control_ret.values()]
    found: dict[str, Any] = {}
    while left:
        name = left.pop().lstrip("^").partition(":")[0]
        if name in nodes and name not in found:
            found[name] = nodes[name]
            left.extend(nodes[name].input)
    return list(found.values())


def _of_nodes(nodes: Any, arguments: dict[str, list[Shape]], functions: dict[str, Any]) -> Counter[str]:
    shapes = arguments | {node.name: _shapes(node) for node in nodes}
    counts: Counter[str] = Counter()
    for node in nodes:
        if node.op in CONVOLUTIONS:
            counts[CONVOLUTIONS[node.op]] += _of_convolution(node, shapes)
        elif node.op in PRODUCTS:
            (found,), inner = shapes[node.name], _input_shape(node, 0, shapes)
            transposed = node.attr["transpose_a"].b or node.attr["adj_x"].b
            counts[PRODUCTS[node.op]] += 2 * _size(node, found) * _size(node, [inner[-2 if transposed else -1]])
        elif node.op in UNKNOWN:
            raise ValueError(f"{node.name} is of the kind {node.op}, which is not counted yet; expected a case for it")
        else:
            called = [node.attr[name].func.name for name in ("body", "f") if node.attr[name].func.name]
            branches = [node.attr[name].func.name for name in ("then_branch", "else_branch")]
            branches += [each.name for each in node.attr["branches"].list.func]
            counts += sum((_of_function(name, functions) for name in called), Counter())
            ways = [_of_function(name, functions) for name in branches if name]
            counts += max(ways, key=Counter.total, default=Counter())
    return counts


def _of_convolution(node: Any, shapes: dict[str, list[Shape]]) -> int:
    """2 x (what the strided side holds) x (the taps and channels that each of its numbers meets)."""
    if node.op == "Conv2DBackpropFilter":
        kernel, strided = shapes[node.name][0], _input_shape(node, 2, shapes)
    elif node.op == "Conv2DBackpropInput":
        kernel, strided = _input_shape(node, 1, shapes), _input_shape(node, 2, shapes)
    else:
        kernel, strided = _input_shape(node, 1, shapes), shapes[node.name][0]
    # The kernel is (kh, kw, Ci, Co), the strided side (B, Ho, Wo, Co) in either layout: Co is in both, once too often.
    return 2 * _size(node, strided) * _size(node, kernel[:3])


def _input_shape(node: Any, index: int, shapes: dict[str, list[Shape]]) -> Shape:
    """Of an input such as `name:output:1` in a function, `name:1` in a graph."""
    name, *output = node.input[index].split(":")
    found = shapes[name]
    number = int(output[-1]) if output else 0
    if number >= len(found) or (len(found) > 1 and output[0] not in ("output", "y", "x_backprop")):
        raise ValueError(f"{node.name}: the shape of {node.input[index]} is not known")
    return found[number]


def _shapes(node: Any) -> list[Shape]:
    return [_shape(shape) for shape in node.attr["_output_shapes"].list.shape]


def _shape(shape: Any) -> Shape:
    return [] if shape.unknown_rank else [side.size for side in shape.dim]


def _size(node: Any, shape: Shape) -> int:
    if not shape or min(shape) < 0:
        raise ValueError(f"{node.name} ({node.op}) has a shape that is not known: {shape}")
    return math.prod(shape)
