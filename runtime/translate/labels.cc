// SPDX-License-Identifier: Apache-2.0
// AppArmor and SELinux: the program's label, and that of its mounts. What the kernel cannot apply
// is an error (runtime.md, Create): nobody shall believe in a confinement that is not there.
#include "runtime/translate/internal.h"

namespace oci {
namespace {

using ctr::Lsm;
using ctr::Phase;

void add_label(Work& work, Phase phase, Lsm lsm, const std::string& label, const Pointer& at) {
  if (label.empty()) return;
  const bool apparmor = lsm == Lsm::AppArmor;
  if (apparmor ? work.facts.apparmor : work.facts.selinux) {
    work.child(phase, ctr::SetExecLabel{lsm, label}, at);
    return;
  }
  // Without AppArmor everything is.
  if (apparmor && label == "unconfined") return;
  work.problems.unsupported(
      at, std::string(apparmor ? "AppArmor" : "SELinux") + " is not enabled on this host");
}

// podman's annotation: which of SELinux's four mount options the label is for.
std::string context_word(const StringMap& annotations) {
  const auto found = annotations.find("run.oci.mount_context_type");
  return found != annotations.end() ? found->second : "context";
}

bool is_context_word(std::string_view word) {
  return word == "context" || word == "fscontext" || word == "defcontext" || word == "rootcontext";
}

}  // namespace

void add_labels(Work& work, const Process& process, const Pointer& at, Phase phase) {
  add_label(work, phase, Lsm::AppArmor, process.apparmorProfile, at.at("apparmorProfile"));
  add_label(work, phase, Lsm::Selinux, process.selinuxLabel, at.at("selinuxLabel"));
}

// Between the quotes of a mount option a label may have anything but these. Without SELinux there
// are no labels to set; engines expect the container to run all the same.
std::optional<ctr::MountLabel> mount_label(Work& work) {
  const std::string& label = work.spec.linux_.mountLabel;
  const Pointer at("/linux/mountLabel");
  if (label.empty()) return std::nullopt;
  const std::string word = context_word(work.spec.annotations);
  if (!is_context_word(word) || label.find_first_of("\"\\\n") != std::string::npos) {
    work.problems.error(at, "is not an SELinux label for the mount option " + ctr::quote(word));
    return std::nullopt;
  }
  if (work.facts.selinux) return ctr::MountLabel{word, label};
  work.problems.warning(at, "ignored, SELinux is not enabled here");
  return std::nullopt;
}

}  // namespace oci
