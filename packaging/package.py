"""Spack recipe: `spack repo create` a repository, put this into packages/sweep/, `spack install sweep`."""

from spack.package import *


class Sweep(MakefilePackage):
    """Multilingual scaling-law studies on CPU clusters: MPI, OpenMP, HDF5."""

    url = "file:///path/to/sweep-0.1.0.tar.gz"  # of `make dist`

    license("Apache-2.0")
    version("0.1.0")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("openmpi@4.1:")
    depends_on("hdf5@1.10:~mpi+hl")
    depends_on("libyaml")
    depends_on("sentencepiece")
    depends_on("xxhash")
    depends_on("jansson")
    depends_on("zlib-api")
    depends_on("zstd")
    depends_on("gsl")
    depends_on("liblbfgs")
    depends_on("python@3.9:", type="run")

    @property
    def build_targets(self):
        # Debian names its serial HDF5 apart; elsewhere it is "hdf5".
        packages = "ompi-c hdf5 yaml-0.1 sentencepiece libxxhash jansson zlib libzstd gsl"
        return [f"CC={spack_cc}", f"CXX={spack_cxx}", f"PACKAGES={packages}"]

    def install(self, spec, prefix):
        make("install", f"PREFIX={prefix}", *self.build_targets)
