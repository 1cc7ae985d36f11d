#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is installed besides the program: the .deb in a clean Debian, the snippets, the completions.
. "$(dirname "$0")/common.sh"
engine=packaging

setup_packaging() {
  new_tag
  tree=$OCICTR_TOOLS/..
  mkdir /tmp/path
  ln -s "$OCICTR" /tmp/path/ocictr
  PATH=/tmp/path:$PATH
}
remove_containers() { "$OCICTR" delete --force c; }

# make_bundle DIRECTORY WORDS...: one that the calling root can run.
make_bundle() {
  need jq
  directory=$1
  shift
  make_rootfs "$directory/rootfs"
  (cd "$directory" && "$OCICTR" spec) || fail "spec"
  jq ".process.args = $(words "$@") | .process.terminal = false | .linux.cgroupsPath = \"/$tag/c\"" \
    <"$directory/config.json" >"$directory/edited" && mv "$directory/edited" "$directory/config.json"
}

# --- the package -----------------------------------------------------------------
t_package_in_a_clean_root() {
  [ -e "$OCICTR_DEBIAN/.complete" ] || { cat "$OCICTR_DEBIAN.skip" 2>/dev/null; exit 77; }
  [ -e "$tree/CPackConfig.cmake" ] || skip "not run under the sanitizers: no static binary"
  expect 0 cpack --config "$tree/CPackConfig.cmake" -B /tmp/packages
  mkdir -p /tmp/debian/upper /tmp/debian/work /tmp/debian/root
  mount -t overlay -o "lowerdir=$OCICTR_DEBIAN,upperdir=/tmp/debian/upper,workdir=/tmp/debian/work" \
    overlay /tmp/debian/root || skip "this kernel has no overlay file system"
  root=/tmp/debian/root
  for place in proc sys dev; do mount --rbind "/$place" "$root/$place"; done
  cp /tmp/packages/ocictr_*.deb "$root/tmp/ocictr.deb"
  expect 0 chroot "$root" dpkg -i /tmp/ocictr.deb
  expect 0 chroot "$root" ocictr --version
  says "ocictr version"
  expect 0 chroot "$root" ctrtool help
  make_bundle "$root/tmp/bundle" echo from-the-package
  mkdir -p "$root/run/ocictr"
  expect 0 chroot "$root" ocictr run -b /tmp/bundle c
  is from-the-package
  expect 0 chroot "$root" dpkg -V ocictr
  [ -e "$root/etc/containers/containers.conf.d/ocictr.conf" ] || fail "no drop-in"
  expect 0 chroot "$root" dpkg --purge ocictr
  rm -r "$root/tmp/bundle" "$root/tmp/ocictr.deb" "$root/run/ocictr"
  left=$(find "$root/usr" "$root/etc" -name '*ocictr*')
  [ -z "$left" ] || fail "left by the package: $left"
  umount -R -l "$root"
}
t_installed_files() {
  expect 0 cmake --install "$tree" --prefix /tmp/prefix
  for file in bin/ocictr bin/ctrtool share/man/man8/ocictr.8 share/man/man1/ctrtool.1 \
    share/ocictr/containers.conf.d/ocictr.conf share/ocictr/containerd.toml \
    share/ocictr/docker-daemon.json share/bash-completion/completions/ocictr \
    share/zsh/site-functions/_ocictr share/fish/vendor_completions.d/ocictr.fish; do
    [ -s "/tmp/prefix/$file" ] || fail "not installed: $file"
  done
  expect 0 /tmp/prefix/bin/ocictr --version
}
t_containers_conf() {
  need podman
  setup_containers_conf
  install_drop_in
  expect 0 podman --runtime ocictr info --format '{{.Host.OCIRuntime.Path}} {{.Host.OCIRuntime.Name}}'
  is "$OCICTR ocictr"
}
t_containerd_snippet() {
  need containerd
  sed "s|/usr/bin/ocictr|$OCICTR|" "$packaging/containerd.toml" >/tmp/ocictr.toml
  printf 'version = 2\nimports = ["/tmp/ocictr.toml"]\n' >/tmp/config.toml
  expect 0 containerd -c /tmp/config.toml config dump
  says "containerd.runtimes.ocictr.options" "BinaryName = \"$OCICTR\""
}

# --- completions -------------------------------------------------------------------
in_bash() {
  expect 0 bash --norc -c '
    source "$1/completions/ocictr.bash"
    COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
    _ocictr
    printf "%s\n" "${COMPREPLY[@]}"' bash "$packaging" "$@"
}
a_container() {
  make_bundle /tmp/bundle sleep 100
  expect 0 "$OCICTR" create -b /tmp/bundle c
}
t_bash() {
  in_bash ocictr ''
  says create delete validate
  in_bash ocictr cr
  is create
  in_bash ocictr --log
  says --log-format --log-level
  in_bash ocictr --log /tmp/x --debug ex
  is exec
  in_bash ocictr exec --pid
  says --pid-file --pidfd-socket
  in_bash ocictr help pa
  is pause
  mkdir -p /tmp/a-bundle
  in_bash ocictr create -b /tmp/a-
  is /tmp/a-bundle
  a_container
  in_bash ocictr start ''
  is c
  in_bash ocictr kill c KI
  is KILL
}
t_fish() {
  need fish
  a_container
  in_fish() { expect 0 fish --no-config -c "source $packaging/completions/ocictr.fish; complete -C '$1'"; }
  in_fish 'ocictr cr'
  says "create	make a container"
  in_fish 'ocictr exec --pid'
  says --pid-file --pidfd-socket
  lacks --root
  in_fish 'ocictr start '
  says c
}
t_zsh() {
  need zsh
  a_container
  mkdir /tmp/zsh
  cat >/tmp/zsh/.zshrc <<ZSHRC
fpath=($packaging/completions \$fpath)
autoload -Uz compinit
compinit -u
PS1='> '
ZSHRC
  # in_zsh WORDS REST: what the tab key adds to the words.
  in_zsh() {
    expect 0 on_terminal --size 40x120 --expect '> ' --send "$1$(printf '\t')" \
      --expect "$2" --send "$(printf '\025')exit\r" -- env ZDOTDIR=/tmp/zsh TERM=dumb zsh -i
  }
  in_zsh 'ocictr valid' ate
  in_zsh 'ocictr exec --console-s' ocket
  in_zsh 'ocictr kill ' c
}

main "$@"
