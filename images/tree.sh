#!/bin/sh
# Copies programs of this host and their shared libraries into a directory, to import it as a base
# image where none can be pulled.
# usage: images/tree.sh DIRECTORY PROGRAM...
set -eu
to=$1
shift
mkdir -p "$to"
# /bin and /lib are links on many hosts: keep the links, and copy files to their targets.
for link in /bin /lib /lib64; do
    [ ! -L $link ] || [ -L "$to$link" ] || cp -P $link "$to$link"
done
for program; do
    path=$(command -v "$program")
    echo "$path"
    # Static programs need no libraries.
    ldd "$path" 2>/dev/null | grep -o '/[^ ]*' || true
done | sort -u | while read -r file; do
    directory=$(realpath "$(dirname "$file")")
    mkdir -p "$to$directory"
    cp -L "$file" "$to$directory/"
done
