#!/bin/sh
# Makes configure and what it needs from a fresh checkout.
set -e
cd "$(dirname "$0")"
exec autoreconf --force --install --warnings=all
