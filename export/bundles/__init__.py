"""A folder with the files, the facts and the proof: its content, manifest and model card."""
