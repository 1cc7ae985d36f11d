# SPDX-License-Identifier: Apache-2.0
# Sourced by run.sh and quickstart.sh: what Debian 12 must have, and how it gets there. Installs
# only what is missing, never upgrades, never asks.

build_packages="g++ cmake ninja-build pkg-config git ca-certificates ccache
  rapidjson-dev libcli11-dev libseccomp-dev libgtest-dev libgmock-dev"
quickstart_packages="busybox-static"
test_packages="busybox-static squashfs-tools erofs-utils uidmap podman conmon crun runc jq strace iproute2 procps
  debootstrap netbase python3 socat expect catatonit containerd docker.io iptables buildah valgrind python3-grpcio
  zsh fish nginx"
fuzz_packages="clang libclang-rt-14-dev"
bench_packages="busybox-static crun runc podman jq valgrind"
# For the validation programs of OCI runtime-tools, which are built from source.
conformance_packages="golang-go golang-github-blang-semver-dev golang-github-google-uuid-dev
  golang-github-hashicorp-go-multierror-dev golang-github-mrunalp-fileutils-dev
  golang-github-opencontainers-selinux-dev golang-github-opencontainers-specs-dev
  golang-github-sirupsen-logrus-dev golang-github-urfave-cli-dev
  golang-github-xeipuuv-gojsonschema-dev golang-gocapability-dev golang-golang-x-sys-dev
  busybox-static iproute2 jq util-linux xz-utils"
guest_packages="qemu-system-x86 qemu-utils mmdebstrap busybox-static cpio e2fsprogs kmod xz-utils zstd"

# missing_packages NAME...: those that are not installed.
missing_packages() {
  for package in "$@"; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
      installed) ;;
      *) printf '%s ' "$package" ;;
    esac
  done
}

# install_packages NAME...: false when something is still missing afterwards.
install_packages() {
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed: $missing(needs root and apt)" >&2
    return 1
  fi
  echo "Installing: $missing" >&2
  # shellcheck disable=SC2086  # a list of words
  if ! apt_install $missing; then
    apt-get -q -o Acquire::Retries=3 update </dev/null >&2
    apt_install $missing || {
      # One name that can't be had must not keep the others away.
      for package in $missing; do apt_install "$package"; done
    }
  fi
  [ -z "$(missing_packages "$@")" ]
}

# What comes with a daemon (Docker, containerd) must not start it: the tests start their own.
apt_install() {
  policy=/usr/sbin/policy-rc.d
  [ -e $policy ] && policy=
  [ -z "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"; }
  DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends --no-upgrade \
    -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 install "$@" </dev/null >&2
  status=$?
  [ -z "$policy" ] || rm -f "$policy"
  return $status
}
