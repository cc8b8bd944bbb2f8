"""How long does decode with batch size 1 take in LiteRT and other runtimes on this machine?

Every preset of `kvae.export.tflite` with one and two threads, ONNX Runtime, OpenVINO, the
SavedModel in TensorFlow, Keras' `predict` and eager torch, all in float32, run in turns in one
process. A runtime that is not installed (benchmarks/requirements-peers.txt) is skipped with a
message.

    python benchmarks/decoder_latency.py MODEL.keras [--data FILE.npz] [--rounds 20] [--calls 20]
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kvae
from kvae.cli.terminal import quiet_native_logs
from kvae.export.bundles.machine import machine
from kvae.export.bundles.measure_process import interleaved
from kvae.export.presets import PRESETS

THREADS = (1, 2)
REFERENCE = "ONNX Runtime float32, {} thread(s)"


def litert(vae, folder, data):
    """Yield every preset with one and two threads."""
    from ai_edge_litert.interpreter import Interpreter

    for preset in PRESETS:
        path = folder / f"{preset}.tflite"
        kvae.export.tflite(vae, path, preset=preset, data=data)
        for threads in THREADS:
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            run = interpreter.get_signature_runner("decode")
            yield (
                f"LiteRT {preset}, {threads} thread(s)",
                path.stat().st_size,
                lambda z, run=run, kept=interpreter: run(z=z)["mean"],
            )


def onnx_runtime(vae, folder, data):
    """Yield the graph converted by tf2onnx; static batch size, as in the .tflite files."""
    import onnxruntime
    import tf2onnx

    spec = (tf.TensorSpec((1, vae.latent_dim), tf.float32, name="z"),)
    layer = vae.likelihood_layer
    decode = tf.function(lambda z: layer.mean(vae.decoder(z, training=False)), input_signature=spec)
    path = folder / "decoder.onnx"
    tf2onnx.convert.from_function(decode, spec, opset=17, output_path=str(path))
    for threads in THREADS:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        yield (
            REFERENCE.format(threads),
            path.stat().st_size,
            lambda z, session=session, name=name: session.run(None, {name: z})[0],
        )


def openvino(vae, folder, data):
    """Yield the SavedModel read by OpenVINO, reshaped to a static batch size."""
    import openvino as ov

    core = ov.Core()
    for threads in THREADS:
        model = core.read_model(saved_model(vae, folder, data))
        model.reshape([1, vae.latent_dim])
        hints = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        request = core.compile_model(model, "CPU", hints).create_infer_request()
        yield (
            f"OpenVINO float32, {threads} thread(s)",
            None,
            lambda z, request=request: request.infer({"z": z})["mean"],
        )


def tensorflow(vae, folder, data):
    """Yield the signature of the SavedModel, and Keras' predict; TensorFlow uses all cores."""
    decode = tf.saved_model.load(str(saved_model(vae, folder, data))).signatures["decode"]
    yield "SavedModel in TensorFlow", None, lambda z: decode(z=tf.constant(z))["mean"].numpy()
    yield (
        "Keras predict",
        None,
        lambda z: vae.likelihood_layer.mean(vae.decoder.predict(z, verbose=0)).numpy(),
    )


def torch_eager(vae, folder, data):
    """Yield the decoder's layers with their weights in torch, without gradients."""
    import torch

    steps = [torch_step(torch, layer) for layer in vae.decoder.layers]
    mean = torch.sigmoid if "Bernoulli" in type(vae.likelihood_layer).__name__ else None
    if mean is None:
        raise ValueError("torch is compared only on Bernoulli decoders.")

    def call(z, threads):
        torch.set_num_threads(threads)
        with torch.inference_mode():
            tensor = torch.from_numpy(z)
            for step in steps:
                tensor = step(tensor)
            return mean(tensor).permute(0, 2, 3, 1).numpy()

    for threads in THREADS:
        yield f"torch eager, {threads} thread(s)", None, lambda z, n=threads: call(z, n)


def torch_step(torch, layer):
    """Return a Keras layer as a function of torch tensors, images with channels first."""
    functional = torch.nn.functional
    if isinstance(layer, keras.layers.InputLayer):
        return lambda tensor: tensor
    if isinstance(layer, keras.layers.Reshape):
        return lambda tensor: tensor.reshape(-1, *layer.target_shape).permute(0, 3, 1, 2)
    weights = [torch.from_numpy(np.array(weight)) for weight in layer.weights]
    kernel, bias = weights
    activation = {"relu": torch.relu, "linear": lambda t: t}[layer.activation.__name__]
    if isinstance(layer, keras.layers.Dense):
        kernel = kernel.T.contiguous()
        return lambda tensor: activation(functional.linear(tensor, kernel, bias))
    stride = layer.strides[0]
    if isinstance(layer, keras.layers.Conv2DTranspose):
        kernel = kernel.permute(3, 2, 0, 1).contiguous()
        cut = (layer.kernel_size[0] - stride) // 2  # the leading part of what "same" crops

        def transposed(tensor):
            rows, columns = (stride * size for size in tensor.shape[-2:])
            full = functional.conv_transpose2d(tensor, kernel, bias, stride=stride)
            return activation(full[..., cut : cut + rows, cut : cut + columns])

        return transposed
    kernel = kernel.permute(3, 2, 0, 1).contiguous()
    return lambda tensor: activation(functional.conv2d(tensor, kernel, bias, padding="same"))


def saved_model(vae, folder, data):
    path = folder / "serving"
    if not path.exists():
        kvae.export.saved_model(vae, path, signatures=["decode"], data=data)
    return path


def gather(vae, folder, data):
    """Return functions and file sizes by name; print the missing runtimes."""
    calls, sizes = {}, {}
    for contender in (litert, onnx_runtime, openvino, tensorflow, torch_eager):
        try:
            for name, size, call in contender(vae, folder, data):
                calls[name], sizes[name] = call, size
        except ModuleNotFoundError as error:
            print(f"Skipped: {contender.__name__}, because {error.name} is not installed.")
        except ValueError as error:
            print(f"Skipped: {contender.__name__}. {error}")
    return calls, sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a VAE saved as .keras")
    parser.add_argument(
        "--data", type=Path, help="examples for the verification, x_test of an .npz"
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--calls", type=int, default=20)
    arguments = parser.parse_args()

    vae = keras.saving.load_model(arguments.model)
    data = None
    if arguments.data:
        with np.load(arguments.data) as arrays:
            data = arrays["x_test"][:512]
        shape = vae.likelihood_layer.event_shape
        data = (data / (255.0 if data.dtype == np.uint8 else 1.0)).reshape(-1, *shape)
    z = np.random.default_rng(0).normal(size=(1, vae.latent_dim)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        with quiet_native_logs():
            calls, sizes = gather(vae, Path(folder), data)
        expected = vae.decode(z)
        errors = {name: float(np.abs(call(z) - expected).max()) for name, call in calls.items()}
        bound = {name: {"": lambda call=call: call(z)} for name, call in calls.items()}
        times = interleaved(bound, arguments.rounds, arguments.calls, seconds=60.0)

    times = {name: values[""] for name, values in times.items()}
    medians = {name: float(np.median(values)) for name, values in times.items()}
    print(f"{machine()}; {vae.decoder.count_params():,} parameters; {len(calls)} contenders in")
    print(f"turns, {arguments.rounds} rounds of {arguments.calls} calls. Speed: median of ONNX")
    print("Runtime on one thread / median. The fastest 5% are less affected by other load")
    print(
        "undisturbed; where it and the median disagree about an order, run this again when idle.\n"
    )
    print("| contender | size | median | quartiles | speed | fastest 5% | speed | largest error |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    fastest = {name: float(np.quantile(values, 0.05)) for name, values in times.items()}
    first = REFERENCE.format(1)
    for name, values in times.items():
        low, high = np.quantile(values, (0.25, 0.75))
        size = f"{sizes[name] / 1e6:.2f} MB" if sizes[name] else ""
        speeds = [f"{t[first] / t[name]:.2f}" if first in t else "?" for t in (medians, fastest)]
        print(
            f"| {name} | {size} | {medians[name]:.3f} ms | {low:.3f} to {high:.3f} ms "
            f"| {speeds[0]} | {fastest[name]:.3f} ms | {speeds[1]} | {errors[name]:.1e} |"
        )


if __name__ == "__main__":
    main()
