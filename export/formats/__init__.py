"""The files that can be written, each with its check: TFLite, SavedModel and ONNX."""
