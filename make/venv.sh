#!/usr/bin/env bash
# Makes DIR, a virtual environment with the pinned uv in it, with whichever Python >= 3.11 the machine has.
# usage: make/venv.sh DIR UV_VERSION
set -euo pipefail
export PIP_ROOT_USER_ACTION=ignore

venv=$1 uv_version=$2

is_new_enough() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14 python; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    echo "vigilits needs Python 3.11 or newer, and none was found on the PATH." >&2
    echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv) or say where it is: make setup PYTHON=/path/to/python3" >&2
    return 1
}

python=$(find_python)
if [ -x "$venv/bin/python" ] && [ -x "$venv/bin/uv" ] && is_new_enough "$venv/bin/python" &&
    [ "$("$venv/bin/uv" --version | cut -d' ' -f2)" = "$uv_version" ]; then
    exit 0
fi

rm -rf "$venv"
echo "Making $venv with $("$python" --version) and uv $uv_version" >&2
if "$python" -m venv "$venv" >/dev/null 2>&1; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
    exit 0
fi

# Debian and Ubuntu ship Python without ensurepip unless python3-venv is there: use the machine's own pip for uv alone.
rm -rf "$venv"
"$python" -m venv --without-pip "$venv"
if ! "$python" -m pip --version >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "This Python has neither ensurepip nor pip: installing python3-pip with apt-get" >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-pip >/dev/null
fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    echo "This Python has neither ensurepip nor pip. Install one of them and run make again:" >&2
    echo "    apt-get install python3-venv" >&2
    exit 1
fi
"$python" -m pip install --quiet --disable-pip-version-check --target "$venv/share/uv" "uv==$uv_version"
ln -s ../share/uv/bin/uv "$venv/bin/uv"
