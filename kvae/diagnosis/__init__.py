"""Diagnose the latent space of a trained VAE.

- `diagnose`: measures the latent space on data; every number has a standard error.
- `Verdict`, `STATES`, `ADVICE`, `THRESHOLDS`: the state that the numbers indicate, and what to do.
- `ablation`: trains the same VAE without each of its parts and compares the numbers.

The thresholds come from the calibration in docs/diagnosis.md; change them only with a new one.
"""

from kvae.diagnosis.ablation import ablation
from kvae.diagnosis.diagnose_model import diagnose
from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.report import LatentReport
from kvae.diagnosis.variant import VARIANTS, Variant, train_variant, variants_with
from kvae.diagnosis.verdict import ADVICE, STATES, THRESHOLDS, Verdict

__all__ = [
    "ADVICE",
    "STATES",
    "THRESHOLDS",
    "VARIANTS",
    "Estimate",
    "LatentReport",
    "Variant",
    "Verdict",
    "ablation",
    "diagnose",
    "train_variant",
    "variants_with",
]
