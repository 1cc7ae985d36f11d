// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ctrtool/core/kit/caps.h"
#include "ctrtool/core/kit/mount_options.h"
#include "ctrtool/core/kit/seccomp.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/version.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/json.h"
#include "runtime/spec/names.h"

namespace oci::cli {
namespace {

void list(json::Writer& out, std::string_view name, const auto& words) {
  out.key(name);
  out.array([&] {
    for (const std::string_view word : words) out.value(word);
  });
}

void flags(json::Writer& out, std::string_view name,
           std::initializer_list<std::pair<const char*, bool>> members) {
  out.key(name);
  out.object([&] {
    for (const auto& [key, value] : members) out.member(key, value);
  });
}

constexpr std::string_view kHooks[] = {"prestart",       "createRuntime", "createContainer",
                                       "startContainer", "poststart",     "poststop"};
// What a bundle could do to the host by its annotations alone. A name ending in '.' is a prefix.
// "bundle" is the name of no annotation of ours: tools that know runc find the bundle by it.
constexpr std::string_view kUnsafeAnnotations[] = {"bundle", "org.criu.", "org.ctrtool.",
                                                   "org.systemd.property.", "run.oci."};

void write_seccomp(json::Writer& out) {
  out.key("seccomp");
  out.object([&] {
    out.member("enabled", true);
    list(out, "actions", ctr::seccomp_actions());
    list(out, "operators", ctr::seccomp_operators());
    list(out, "archs", ctr::seccomp_architectures());
    list(out, "knownFlags", ctr::seccomp_known_flags());
    list(out, "supportedFlags", ctr::seccomp_supported_flags());
  });
}

std::vector<std::string_view> namespaces() {
  std::vector<std::string_view> names(kNamespaceTypes.begin(), kNamespaceTypes.end());
  std::sort(names.begin(), names.end());
  return names;
}

void write_linux(json::Writer& out) {
  out.key("linux");
  out.object([&] {
    list(out, "namespaces", namespaces());
    list(out, "capabilities", ctr::known_cap_names());
    flags(out, "cgroup",
          {{"v1", true}, {"v2", true}, {"systemd", true}, {"systemdUser", true}, {"rdma", true}});
    write_seccomp(out);
    flags(out, "apparmor", {{"enabled", true}});
    flags(out, "selinux", {{"enabled", true}});
    flags(out, "intelRdt", {{"enabled", true}, {"schemata", true}, {"monitoring", true}});
    out.key("memoryPolicy");
    out.object([&] {
      list(out, "modes", kMemoryPolicyModes);
      list(out, "flags", kMemoryPolicyFlags);
    });
    flags(out, "netDevices", {{"enabled", true}});
    out.key("mountExtensions");
    out.object([&] { flags(out, "idmap", {{"enabled", true}}); });
  });
}

void write_annotations(json::Writer& out) {
  out.key("annotations");
  out.object([&] {
    out.member("org.ctrtool.version", OCICTR_VERSION);
    out.member("org.ctrtool.commit", commit());
    out.member("org.opencontainers.runc.checkpoint.enabled", "true");
    out.member("io.github.seccomp.libseccomp.version", ctr::seccomp_library_version());
  });
}

}  // namespace

ctr::Result<int> features(const CommandContext& /*context*/, const Words& words) {
  const Syntax syntax{
      .command = "features",
      .help =
          "Prints what this build supports, as the Features structure of the OCI runtime "
          "specification.",
      .options = {},
      .operands = {},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  json::Writer out("  ");
  out.object([&] {
    out.member("ociVersionMin", "1.0.0");
    out.member("ociVersionMax", kSpecVersion);
    list(out, "hooks", kHooks);
    list(out, "mountOptions", ctr::mount_option_names());
    write_linux(out);
    write_annotations(out);
    list(out, "potentiallyUnsafeConfigAnnotations", kUnsafeAnnotations);
  });
  TRY(print(std::move(out).take() + "\n"));
  return 0;
}

}  // namespace oci::cli
