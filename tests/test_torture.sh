#!/bin/sh
# The short form of `make torture`.
exec tests/torture.sh 6
