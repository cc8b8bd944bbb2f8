"""Is this latent space meaningful? A trained VAE's latent space in numbers, and a verdict."""

from kvae.diagnosis.arms import ARMS, Arm, arms_with, train_arm
from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.examination import diagnose
from kvae.diagnosis.experiment import anatomy
from kvae.diagnosis.report import LatentReport
from kvae.diagnosis.verdict import ADVICE, STATES, THRESHOLDS, Verdict

__all__ = [
    "ADVICE",
    "ARMS",
    "STATES",
    "THRESHOLDS",
    "Arm",
    "Estimate",
    "LatentReport",
    "Verdict",
    "anatomy",
    "arms_with",
    "diagnose",
    "train_arm",
]
