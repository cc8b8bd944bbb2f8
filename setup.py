"""Package map and metadata.

The import package ``kvae.export`` lives in the top-level folder ``export/``. ``kvae/export`` is a
symbolic link to it for editors and type checkers; the map below is what installation goes by, so
a checkout without symbolic links installs just as well.
"""

import re
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+?)"', (ROOT / "kvae/_version.py").read_text()).group(1)

SUBPACKAGES = [
    "callbacks",
    "cli",
    "contract",
    "data",
    "diagnosis",
    "evaluation",
    "evaluation.disentanglement",
    "exploration",
    "layers",
    "models",
    "networks",
    "priors",
    "regularizers",
    "training",
    "training.inputs",
]

TEST = [
    "hypothesis>=6.100",
    "import-linter>=2.0",
    "mypy>=1.11",
    "pyright>=1.1.380",
    "pytest>=8.0",
    "pytest-xdist>=3.6",
    "ruff>=0.6",
    "tensorflow-serving-api>=2.21",  # pure Python: the format of warm-up requests
    "selenium>=4.20",
]

BEAM = ["apache-beam>=2.77", "google-crc32c>=1.5"]  # the second checks TFRecord files

setup(
    name="kvae-keras",
    version=VERSION,
    description=(
        "Variational autoencoders for Keras 3 on TensorFlow: distribution layers, a right ELBO, "
        "verified TFLite and SavedModel decoders"
    ),
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=["kvae", *(f"kvae.{name}" for name in SUBPACKAGES), "kvae.export", "kvae.export.beam"],
    package_dir={"kvae": "kvae", "kvae.export": "export"},
    package_data={
        "kvae": ["py.typed"],
        # Named one by one, so that web/node_modules stays out.
        "kvae.export": ["c/*.c", "web/*.html", "web/*.css", "web/*.js", "web/package.json"],
    },
    install_requires=[
        "ai-edge-litert>=2.1.6",
        "ai-edge-quantizer>=0.10",
        "keras>=3.15",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "pillow>=10.1",
        "rich>=13.0",
        "scikit-learn>=1.4",
        "tensorflow>=2.21",
        "tensorflow-probability[tf]>=0.25",
        "typer>=0.12",
        "wrapt>=1.14",
    ],
    extras_require={"test": TEST, "beam": BEAM, "dev": [*TEST, "build>=1.0"]},
    entry_points={"console_scripts": ["kvae=kvae.cli.main:app"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
