#!/bin/sh
# Resolve the dependencies of pyproject.toml into the locked, hashed files beside this one: `make lock`.
# The files name no index: whichever one the installer is set up for must serve these very hashes.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}

lock() {
    out=requirements/$1.txt
    shift
    echo "== $out"
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --no-annotate --custom-compile-command "make lock" "$@" --output-file "$out"
}

lock build --group build
lock runtime pyproject.toml --extra server
lock dev pyproject.toml --all-extras --group dev --constraints requirements/runtime.txt
lock bench --group bench
lock bench-peers --group bench-peers
