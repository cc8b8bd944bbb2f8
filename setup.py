"""The package map; everything else about the distribution is in pyproject.toml.

The import package ``kvae.export`` lives in the top-level folder ``export/``. ``kvae/export`` is a
symbolic link to it for editors and type checkers; the map below is what installation goes by, so
a checkout without symbolic links installs just as well.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["kvae", "kvae.*"], exclude=["kvae.export", "kvae.export.*"]),
        "kvae.export",
        *(f"kvae.export.{name}" for name in find_packages("export")),
    ],
    package_dir={"kvae": "kvae", "kvae.export": "export"},
    package_data={
        "kvae": ["py.typed"],
        "kvae.zoo": ["bundles/LICENSES.md", "bundles/*/*"],
        # Named one by one, so that web/node_modules stays out.
        "kvae.export": [
            "clients/c/*.c",
            "clients/c/*.h",
            "clients/c/*.cmake",
            "clients/c/CMakeLists.txt",
            "clients/kotlin/*.kts",
            "clients/kotlin/gradle.properties",
            "clients/kotlin/src/**/*",
            "clients/swift/Package.swift",
            "clients/swift/Sources/**/*",
            "clients/swift/Tests/**/*",
            "clients/web/*.html",
            "clients/web/*.css",
            "clients/web/*.js",
            "clients/web/package.json",
        ],
    },
)
