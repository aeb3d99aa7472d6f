#!/bin/sh
# Installs the packages of packages.txt that are missing, with apt where it may; else prints the command that does.
set -eu
cd "$(dirname "$0")/.."
missing=
for package in $(grep -v '^#' packages.txt); do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "installing$missing"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "sweep: packages are missing; run:  sudo apt-get install$missing" >&2
    exit 1
fi
