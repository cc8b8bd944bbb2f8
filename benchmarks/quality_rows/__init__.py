"""The rows of the quality record, one small record each; `benchmarks/quality.py` runs them.

`data.py` reads the data sets, `models.py` builds the models, `recipe.py` says how they are trained,
`rows.py` puts them together, `run.py` runs one of them, and `page.py` writes the page.
"""
