#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/fuzz/run.sh [-t SECONDS] [TARGET...]
#
# Every fuzz target (or these: spec state ...) with libFuzzer, AddressSanitizer and UBSan, for so many
# seconds each (60), from the seeds in corpus/. Installs clang, builds in build-fuzz/. An input that
# ends a target is left there as TARGET-crash-... or the like. Ends with a line "N passed, N failed,
# 0 skipped".
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
cd "$root" || exit 1
. tests/packages.sh

seconds=60
while getopts t: option; do
  case $option in
    t) seconds=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- $(cd tests/fuzz && ls -- *_fuzz.cc | sed 's/_fuzz\.cc$//')

give_up() {
  echo "$*" >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}

# shellcheck disable=SC2086  # a list of words
install_packages $build_packages $fuzz_packages || give_up "The fuzzers need these packages."
mkdir -p build-fuzz
cmake -G Ninja -S . -B build-fuzz -DCMAKE_CXX_COMPILER=clang++ -DOCICTR_FUZZ=ON -DOCICTR_TESTS=ON \
  >build-fuzz/configure.log 2>&1 || { cat build-fuzz/configure.log; give_up "The build failed."; }
# shellcheck disable=SC2046  # words
cmake --build build-fuzz -j "$(nproc)" --target $(printf '%s_fuzz ' "$@") || give_up "The build failed."

found=$(mktemp -d) || exit 1
trap 'rm -rf "$found"' EXIT

# What libFuzzer adds to the seeds is left behind in $found, and forgotten.
run_target() {
  mkdir -p "$found/$1"
  build-fuzz/tests/"$1_fuzz" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
    -artifact_prefix="build-fuzz/$1-" "$found/$1" "tests/fuzz/corpus/$1" >"build-fuzz/$1.log" 2>&1
}

passed=0 failed=0
for target; do
  if run_target "$target"; then
    passed=$((passed + 1))
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "build-fuzz/$target.log") inputs"
  else
    failed=$((failed + 1))
    echo "$target: FAILED, see build-fuzz/$target.log"
    tail -n 40 "build-fuzz/$target.log"
  fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
