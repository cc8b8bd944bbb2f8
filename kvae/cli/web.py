"""`kvae web`: the page with bundles, on this machine or as a folder for a web server."""

import contextlib
import shlex
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kvae import files
from kvae.cli.inputs import examples_of, load_vae, read_examples, schema_of
from kvae.cli.run_folder import bundle_of, data_of, holds_bundle, is_bundle, schema_file_of
from kvae.cli.terminal import quiet_native_logs, say, warn

__all__ = ["run"]


def run(
    paths: Sequence[Path],
    data: Path | None,
    schema: Path | None,
    port: int | None,
    open_browser: bool,
    static: Path | None,
    overwrite: bool,
) -> None:
    """Serve or write the page.

    Args:
        paths: folders of bundles, .keras files and run folders of `kvae train`.
        data: examples for the .keras files, see `kvae export`.
        schema: schema of a table for the .keras files; that of a run folder is found.
        port: port of the server, None for the usual one.
        open_browser: whether to open the page in the browser.
        static: folder to write, None to serve the page.
        overwrite: whether to replace what stands at `static`.
    """
    from kvae.export.web import folder, litert_js
    from kvae.export.web.server import Server
    from kvae.export.web.site import Site

    if static is not None:
        read = [("MODEL", path) for path in paths] + [("--data", data), ("--schema", schema)]
        for option, path in read:
            files.destination(static, overwrite, "--static", {option: path})
    if data is not None and not data.exists():
        read_examples(data)
    with contextlib.ExitStack() as stack:
        bundles = [_bundle(path, data, schema, stack) for path in paths]
        names = [
            (given if holds_bundle(given) else bundle).resolve().name
            for given, bundle in zip(paths, bundles, strict=True)
        ]
        site = Site(bundles, litert_js.installed(_tell), names)
        if static is not None:
            folder.write(site, static, overwrite)
            served = f"python -m http.server --directory {shlex.quote(str(static))}"
            _tell(
                f"The page is in {static.resolve()}: copy it to a web server with https. To see it "
                f"here, run {served} and open http://localhost:8000"
            )
            return
        with Server(site, port) as server:
            _tell(f"The page is at {server.address} on this machine. Stop it with Ctrl+C.")
            if open_browser and not webbrowser.open(server.address):
                warn("No browser was found: open the address in one.")
            with contextlib.suppress(KeyboardInterrupt):
                server.serve_forever()


def _tell(text: str) -> None:
    say(text, markup=False)


def _bundle(
    path: Path, data: Path | None, schema: Path | None, stack: contextlib.ExitStack
) -> Path:
    """Return a bundle as it is, or that of a model, exported for as long as the stack is open."""
    if holds_bundle(path):  # a run folder
        return bundle_of(path)
    saved = path / "model.keras" if (path / "model.keras").is_file() else path
    if is_bundle(path) or saved.is_dir():
        return path
    if saved.suffix != ".keras":
        raise ValueError(
            "Expected a folder with a bundle, a .keras file, or a run folder. Received: "
            f"{str(path)!r}" + ("" if path.exists() else ", where there is nothing")
        )
    name = path.resolve().name if saved != path else path.stem
    target = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kvae-web-"))) / name
    if not saved.is_file():  # before TensorFlow, which takes seconds
        load_vae(saved)
    schema = schema or schema_file_of(path)
    _tell(f"Exporting {saved} for the browser ...")
    if data is None:
        _tell("Without --data the page has no map of the examples and no state of health.")
    with quiet_native_logs():
        import kvae

        model = load_vae(saved)
        kvae.export.bundle(
            model,
            target,
            data=_examples(data, model, schema),
            schema=None if schema is None else schema_of(schema),
            presets=["float32"],  # what the page opens
            training_data=data_of(path),
            measure=False,
        )
    return target


def _examples(data: Path | None, model: Any, schema: Path | None) -> Any:
    if data is None:
        return None
    others = sorted(set(model.input_specs()) - {"x", "target"})
    found = read_examples(data, others, schema=schema)
    return examples_of(found, model, schema)
