#!/bin/sh
# corpus/fetch on packages made on the spot, without a network. Prints TAP.
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=corpus/fetch exec python3 tests/fetch.py
