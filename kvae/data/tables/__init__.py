"""Tables with columns of different kinds: from a pandas DataFrame to an array, and back.

`TableSchema` (schema.py) says what each column holds. inference.py decides it; column.py and the
files of the kinds (number.py, category.py, date.py, fixed.py) convert the values; ranged.py keeps
decoded numbers and dates in the range of the table. arguments.py checks what callers are given.
"""

from kvae.data.tables.schema import TableSchema

__all__ = ["TableSchema"]
