"""What a training run needs beside the model: checked batches of data, execution, resuming."""
