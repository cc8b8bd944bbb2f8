"""Distribution layers for Keras 3, with the names and the parameter packing of `tfp.layers`."""

from kvae.contract import Domain
from kvae.layers.bernoulli import IndependentBernoulli
from kvae.layers.beta import IndependentBeta
from kvae.layers.categorical import OneHotCategorical
from kvae.layers.categorical_mixture import CategoricalMixtureOfOneHotCategorical
from kvae.layers.columns import Columns
from kvae.layers.continuous_bernoulli import ContinuousBernoulli
from kvae.layers.counts import IndependentPoisson
from kvae.layers.deterministic import Deterministic
from kvae.layers.discretized_logistic import DiscretizedLogistic, bits_per_dimension
from kvae.layers.distribution_lambda import DistributionLambda
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.finite_scalar_quantizer import FiniteScalarQuantizer
from kvae.layers.flow_posterior import InverseAutoregressiveFlow
from kvae.layers.independent_categorical import IndependentCategorical
from kvae.layers.kl_add_loss import KLDivergenceAddLoss
from kvae.layers.laplace import IndependentLaplace
from kvae.layers.learned_scale import LearnedScale
from kvae.layers.likelihood import Likelihood
from kvae.layers.logistic import IndependentLogistic
from kvae.layers.mixture import MixtureLogistic, MixtureNormal, MixtureSameFamily
from kvae.layers.mixture_discretized_logistic import MixtureDiscretizedLogistic
from kvae.layers.modulated_scale import ModulatedScale
from kvae.layers.negative_binomial import IndependentNegativeBinomial, ZeroInflatedNegativeBinomial
from kvae.layers.normal import IndependentNormal, MultivariateNormalDiag, MultivariateNormalTriL
from kvae.layers.normal_likelihood import NormalLikelihood
from kvae.layers.power_spherical import PowerSpherical
from kvae.layers.quantizer import Quantizer
from kvae.layers.student_t import IndependentStudentT
from kvae.layers.trainability import reparameterized
from kvae.layers.transformed import Transformed
from kvae.layers.vector_quantizer import VectorQuantizer

__all__ = [
    "CategoricalMixtureOfOneHotCategorical",
    "Columns",
    "ContinuousBernoulli",
    "Deterministic",
    "DiscretizedLogistic",
    "DistributionLambda",
    "DistributionLayer",
    "Domain",
    "FiniteScalarQuantizer",
    "IndependentBernoulli",
    "IndependentBeta",
    "IndependentCategorical",
    "IndependentLaplace",
    "IndependentLogistic",
    "IndependentNegativeBinomial",
    "IndependentNormal",
    "IndependentPoisson",
    "IndependentStudentT",
    "InverseAutoregressiveFlow",
    "KLDivergenceAddLoss",
    "LearnedScale",
    "Likelihood",
    "MixtureDiscretizedLogistic",
    "MixtureLogistic",
    "MixtureNormal",
    "MixtureSameFamily",
    "ModulatedScale",
    "MultivariateNormalDiag",
    "MultivariateNormalTriL",
    "NormalLikelihood",
    "OneHotCategorical",
    "PowerSpherical",
    "Quantizer",
    "Transformed",
    "VectorQuantizer",
    "ZeroInflatedNegativeBinomial",
    "bits_per_dimension",
    "reparameterized",
]
