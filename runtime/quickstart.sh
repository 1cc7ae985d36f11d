#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A container in sixty seconds: installs what the build needs (Debian 12, when root), builds
# build/ocictr, makes a bundle of busybox, runs it, shows its plan, and, where podman is installed,
# runs one podman container with ocictr as the runtime. Leaves nothing but build/.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. tests/packages.sh

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# shellcheck disable=SC2086  # lists of words
install_packages $build_packages $quickstart_packages ||
  { echo "Install these packages first." >&2; exit 1; }

say "Building build/ocictr"
set -- -G Ninja -S . -B build -DOCICTR_TESTS=OFF
if command -v ccache >/dev/null; then set -- "$@" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
mkdir -p build
cmake "$@" >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
cmake --build build --target ocictr
ocictr=$root/build/ocictr
"$ocictr" --version

work=$(mktemp -d)
id=quickstart-$$
clean_up() {
  "$ocictr" delete --force "$id" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

say "Making a bundle in $work"
rootfs=$work/rootfs
mkdir -p "$rootfs/bin" "$rootfs/proc" "$rootfs/sys" "$rootfs/dev" "$rootfs/etc" "$rootfs/tmp"
cp "$(command -v busybox)" "$rootfs/bin/busybox"
for applet in sh echo id hostname ps cat ls; do ln -s busybox "$rootfs/bin/$applet"; done
echo 'root:x:0:0:root:/:/bin/sh' >"$rootfs/etc/passwd"
if [ "$(id -u)" = 0 ]; then kind=; else kind=--rootless; fi
# shellcheck disable=SC2086
"$ocictr" spec $kind --bundle "$work"
sed -i 's/"terminal": *true/"terminal": false/' "$work/config.json"

say "ocictr run: a shell that reads its commands from us"
"$ocictr" run --bundle "$work" "$id" <<'COMMANDS'
echo "Hello from $(hostname), as $(id -u -n), process $$ of:"
ps
COMMANDS

say "ocictr plan: the same container as a list of operations"
"$ocictr" plan "$work"

if command -v podman >/dev/null && [ "$(id -u)" = 0 ]; then
  say "podman run --runtime $ocictr"
  # By itself podman asks for a million descriptors, which not every machine may give.
  podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver vfs \
    --cgroup-manager cgroupfs --runtime "$ocictr" \
    run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
    --rootfs "$rootfs" sh -c 'echo "Hello from podman"; id'
fi

say "Done. Next: sh tests/run.sh"
