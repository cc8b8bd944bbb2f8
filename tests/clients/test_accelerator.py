"""Where the page runs a file: WebGPU where its golden vectors pass, else WebAssembly."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow

# A model whose WebGPU is given: it adds an error to the outputs of some signatures.
PLACE = """
const [errors, refusal, done] = arguments;
const training = refusal === "trains" ? { batch_size: 16 } : null;
(async () => {
  const { openBundle } = await import(new URL("bundle.js", document.baseURI));
  const { Model } = await import(new URL("model.js", document.baseURI));
  const { place } = await import(new URL("accelerator.js", document.baseURI));
  const bundle = await openBundle("bundles/digits");
  const real = await Model.load(bundle, "float32", "wasm");
  const [rows, freed] = [{}, []];
  const load = async (accelerator) => {
    if (accelerator === "webgpu" && refusal === "throws") throw new Error("no shader");
    const run = async (signature, row) => {
      const outputs = await real.run(signature, row);
      if (accelerator === "wasm") return outputs;
      rows[signature] = Object.entries(row).map(([name, values]) => [name, [...values]]);
      for (const name in outputs)
        outputs[name] = outputs[name].map((value) => value + (errors[signature] ?? 0));
      return outputs;
    };
    const told = refusal === "falls back" ? "wasm" : accelerator;
    return { ...{ run, accelerator: told, training }, signatures: real.signatures,
      delete: () => freed.push(accelerator) };
  };
  const { model, why } = await place(bundle, load, { requestAdapter: async () => ({}) });
  done([model.accelerator, why, rows, freed]);
})().catch((error) => done(String(error)));
"""


def placed(page, errors, refusal=""):
    page.open()
    found = page.call(PLACE, errors, refusal)
    assert not isinstance(found, str), found
    return found


@pytest.mark.parametrize("errors", [{}, {"decode": 5e-6}, {"sample": 1e-3, "decode": 1e-6}])
def test_webgpu_is_taken_where_all_signatures_keep_their_budget(page, client_bundle, errors):
    accelerator, why, rows, freed = placed(page, errors)
    assert (accelerator, freed) == ("webgpu", ["wasm"])
    assert why.startswith("WebGPU: it differs from WebAssembly by at most ")
    assert rows.keys() == client_bundle.decoder.signatures.keys()
    for signature, inputs in rows.items():
        for name, values in inputs:
            first = np.ravel(client_bundle.inputs[signature][name][0])
            np.testing.assert_array_equal(np.array(values, first.dtype), first)


@pytest.mark.parametrize("errors", [{"decode": 5e-5}, {"score": 0.1}, {"sample": 0.1}])
def test_webassembly_is_taken_where_a_signature_exceeds_its_budget(page, errors):
    accelerator, why, _, freed = placed(page, errors)
    assert (accelerator, freed) == ("wasm", ["webgpu"])
    [signature] = errors
    assert why.startswith("WebAssembly: WebGPU differs from it by ")
    budget = "0.00281" if signature == "sample" else "1e-05"
    assert f" in {signature}, more than {budget}" in why


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ("throws", "WebAssembly: no shader"),
        ("falls back", "WebAssembly: LiteRT.js cannot run all of this file by WebGPU"),
        ("trains", "WebAssembly: this file trains its weights there"),
    ],
)
def test_webassembly_is_taken_where_the_file_does_not_run_by_webgpu(page, refusal, said):
    accelerator, why, *_ = placed(page, {}, refusal)
    assert (accelerator, why) == ("wasm", said)


def test_the_page_says_that_it_runs_in_webassembly_and_why(page):
    page.open()
    assert page.said("timing").endswith(", WebAssembly")
    assert page.said("runs") == "WebAssembly: this browser has no WebGPU on this device."
    page.open("?accelerator=wasm")
    assert page.said("runs") == "WebAssembly: the address of the page asks for WebAssembly."
