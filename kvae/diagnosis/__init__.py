"""Diagnose the latent space of a trained VAE.

- `diagnose`: measures the latent space on data; every number has a standard error.
- `Verdict`, `STATES`, `THRESHOLDS`: the state that numbers and settings indicate, and what to do.
- `Finding`, `FINDINGS`: what is remarkable beside the state.
- `ablation`: trains the same VAE without each of its parts and compares the numbers.

The thresholds come from the calibration in docs/diagnosis.md; change them only with a new one.
"""

from kvae.diagnosis.ablation import ablation
from kvae.diagnosis.diagnose_model import diagnose
from kvae.diagnosis.findings import FINDINGS, Finding
from kvae.diagnosis.report import LatentReport
from kvae.diagnosis.training_settings import TrainingSettings
from kvae.diagnosis.variant import VARIANTS, Variant, train_variant, variants_with
from kvae.diagnosis.verdict import STATES, THRESHOLDS, Verdict
from kvae.evaluation.estimate import Estimate

__all__ = [
    "FINDINGS",
    "STATES",
    "THRESHOLDS",
    "VARIANTS",
    "Estimate",
    "Finding",
    "LatentReport",
    "TrainingSettings",
    "Variant",
    "Verdict",
    "ablation",
    "diagnose",
    "train_variant",
    "variants_with",
]
