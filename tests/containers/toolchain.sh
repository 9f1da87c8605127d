#!/bin/sh
# Makes a stand-in for the image of Rust out of what is installed here: a compiler, a linker, the few
# tools that images/build.sh and images/stage.sh use, and the crates that cargo has downloaded. There is
# no compiler for C in it, which only the seeder would need.
# usage: tests/containers/toolchain.sh DIRECTORY
set -eu
to=$1
cd "$(dirname "$0")/../.."

images/tree.sh "$to" sh cp dirname ln ls mkdir sed cc ld

# What cc finds by itself.
for file in "$(cc -print-prog-name=collect2)" "$(cc -print-prog-name=lto-wrapper)" \
    "$(cc -print-file-name=liblto_plugin.so)" "$(cc -print-file-name=libgcc_s.so)"; do
    mkdir -p "$to/$(dirname "$file")"
    cp -L "$file" "$to/$(dirname "$file")/"
done
gcc=$(dirname "$(cc -print-libgcc-file-name)")
mkdir -p "$to/$gcc"
cp -L "$gcc"/*.o "$gcc"/libgcc*.a "$to/$gcc/"
libc=$(dirname "$(realpath "$(cc -print-file-name=libc.a)")")
for name in libc libm libmvec libpthread libdl librt libutil libm-2.36; do
    cp -L "$libc/$name".* "$libc/${name}_nonshared.a" "$to/$libc/" 2>/dev/null || true
done
cp "$libc"/*crt*.o "$to/$libc/"

sysroot=$(rustc --print sysroot)
host=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "$to/rust/bin" "$to/rust/lib/rustlib"
cp "$sysroot/bin/cargo" "$sysroot/bin/rustc" "$to/rust/bin/"
cp -a "$sysroot"/lib/*.so* "$to/rust/lib/"
cp -a "$sysroot/lib/rustlib/$host" "$to/rust/lib/rustlib/"
# What these need of the host.
for program in "$to/rust/bin/cargo" "$to/rust/bin/rustc" "$to"/rust/lib/*.so; do
    ldd "$program" | grep -o '/[^ ]*' | grep -v "^$to" || true
done | sort -u | while read -r file; do
    directory=$(realpath "$(dirname "$file")")
    mkdir -p "$to$directory"
    cp -L "$file" "$to$directory/"
done

# No network is needed to compile what is downloaded.
cargo fetch --quiet --locked
crates=${CARGO_HOME:-$HOME/.cargo}/registry
mkdir -p "$to/cargo/registry" "$to/tmp"
cp -a "$crates/index" "$crates/cache" "$to/cargo/registry/"
