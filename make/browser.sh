#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests: the system's, else apt's where it may, else Playwright's download.
# Prints nothing, and says so loudly, where there is none; the tests then name what did not run, and fail in CI.
# usage: make/browser.sh PYTHON
set -uo pipefail

python=$1

system() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        # Ubuntu's chromium-browser may be a stub that only says where to get it.
        if command -v "$name" >/dev/null 2>&1 && timeout 30 "$name" --version >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    return 1
}

system && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "No Chromium here: trying apt-get install chromium" >&2
    { timeout 300 apt-get update -qq && DEBIAN_FRONTEND=noninteractive timeout 600 apt-get install -y -qq chromium; } >/dev/null 2>&1
    system && exit 0
fi

echo "No Chromium from the system: trying Playwright's own download" >&2
if timeout 600 "$python" -m playwright install chromium-headless-shell chromium >/dev/null 2>&1; then
    "$python" -c 'from playwright.sync_api import sync_playwright
with sync_playwright() as p: print(p.chromium.executable_path)' && exit 0
fi

echo "!!! NO BROWSER: neither the system, nor apt, nor Playwright has a Chromium. The browser tests will NOT run." >&2
echo "!!! Install one (Debian: apt-get install chromium) and run make again." >&2
exit 0
