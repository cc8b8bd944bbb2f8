"""The types that every family of latent-variable models is made of.

`InputSpec` and `Domain` say which inputs a model takes and which values are valid. `Latent` is one
group of latent variables, inferred; `LatentSpec` describes it before any data. `Batch` is what is
known of a batch in training; `Term` is one summand of the loss. `Signature` is one function of an
exported file. Models, regularizers, objectives and export exchange these and nothing else; nothing
here has weights, and nothing here knows a model, a layer or Keras' `fit`.
"""

from kvae.contract.batch import Batch
from kvae.contract.domain import Domain
from kvae.contract.input_spec import InputSpec
from kvae.contract.latent import Latent
from kvae.contract.latent_spec import LatentSpec
from kvae.contract.signature import Signature
from kvae.contract.term import Term

__all__ = ["Batch", "Domain", "InputSpec", "Latent", "LatentSpec", "Signature", "Term"]
