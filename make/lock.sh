#!/usr/bin/env bash
# Remakes requirements.lock (runtime and embedded engines) and requirements-dev.lock (all) with hashes, for every platform.
# usage: make/lock.sh UV [--upgrade]
set -euo pipefail

uv=$1
shift
compile=("$uv" --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes
    --no-header --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --group build --extra embedded)

# All first, and the smaller one held to it, so that both name the same versions.
"${compile[@]}" "$@" --group dev --group bench pyproject.toml --output-file requirements-dev.lock
"${compile[@]}" --constraint requirements-dev.lock --no-annotate pyproject.toml --output-file requirements.lock

# A lock names packages, versions and hashes: a host or a path in it would tie every machine to this one's.
if grep -nE '://|(^|[^a-zA-Z0-9_.-])/[a-z]+/|@ *file|--(extra-)?index-url|--find-links' requirements.lock requirements-dev.lock; then
    echo "The lines above name a host or a path: locks may not." >&2
    exit 1
fi
