#!/bin/sh
# Makes build/sweep_VERSION_ARCHITECTURE.deb of what `make install` installs.
set -eu
cd "$(dirname "$0")/.."
version=$(cat VERSION)
architecture=$(dpkg --print-architecture)
folder=build/deb
tree=$PWD/$folder/debian/sweep # where dpkg-shlibdeps looks for a package
rm -rf "$folder"
make -s install PREFIX=/usr DESTDIR="$tree"
strip "$tree/usr/bin/sweep"
gzip -9n "$tree/usr/share/man/man1/sweep.1"
install -D -m 644 LICENSE "$tree/usr/share/doc/sweep/copyright"

printf 'Source: sweep\n\nPackage: sweep\nArchitecture: any\n' >"$folder/debian/control"
libraries=$(cd "$folder" && dpkg-shlibdeps -O debian/sweep/usr/bin/sweep | sed 's/^shlibs:Depends=//')
mkdir "$tree/DEBIAN"
cat >"$tree/DEBIAN/control" <<CONTROL
Package: sweep
Version: $version
Architecture: $architecture
Maintainer: The sweep maintainers <maintainers@localhost>
Depends: $libraries, openmpi-bin, python3
Recommends: gnuplot-nox
Section: science
Priority: optional
Description: multilingual scaling-law studies on CPU clusters
 Trains hundreds of small language models over MPI, keeps every loss curve in
 one HDF5 archive, computes transfer scores and fits scaling laws.
CONTROL
dpkg-deb --root-owner-group --build "$tree" "build/sweep_${version}_$architecture.deb"
