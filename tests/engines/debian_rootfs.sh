#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# debian_rootfs.sh DIRECTORY SANDBOX: makes a small Debian 12 with bash and python3 in DIRECTORY, once.
# In a sandbox that has the caller's network. When it can't be made here the reason is left in
# DIRECTORY.skip for the tests that need it.
set -u
dir=$1 sandbox=$2
[ ! -e "$dir/.complete" ] || exit 0

give_up() {
  rm -rf "$dir"
  echo "SKIP: $*" | tee "$dir.skip"
  exit 77
}

command -v debootstrap >/dev/null || give_up "debootstrap is not installed"
[ "$(id -u)" = 0 ] || give_up "needs root: debootstrap"
rm -rf "$dir" "$dir.skip"
mkdir -p "$dir"
mirror=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -v security | head -n 1)
"$sandbox" --host-network debootstrap --variant=minbase --include=python3-minimal bookworm "$dir" \
  "${mirror:-http://deb.debian.org/debian}" >"$dir.log" 2>&1 || {
  tail -n 5 "$dir.log"
  give_up "no Debian mirror within reach"
}
rm -rf "$dir/var/cache/apt/archives" "$dir/var/lib/apt/lists" "$dir/usr/share/doc" "$dir/usr/share/man"
touch "$dir/.complete"
