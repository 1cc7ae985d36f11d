// SPDX-License-Identifier: Apache-2.0
// The document's top level: version, root, mounts, hooks, names, annotations.
#include <algorithm>
#include <array>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "runtime/spec/check.h"
#include "runtime/spec/schema.h"

namespace oci {
namespace {

constexpr std::array kRoot = {
    field<&Root::path>("path", Need::Required),
    field<&Root::readonly>("readonly"),
};

constexpr std::array kIdMapping = {
    field<&IdMapping::containerID>("containerID", Need::Required),
    field<&IdMapping::hostID>("hostID", Need::Required),
    field<&IdMapping::size>("size", Need::Required),
};

constexpr std::array kMount = {
    field<&Mount::destination>("destination", Need::Required),
    field<&Mount::type>("type"),
    field<&Mount::source>("source"),
    field<&Mount::options>("options"),
    field<&Mount::uidMappings>("uidMappings"),
    field<&Mount::gidMappings>("gidMappings"),
};

constexpr std::array kHook = {
    field<&Hook::path>("path", Need::Required),
    field<&Hook::args>("args"),
    field<&Hook::env>("env"),
    field<&Hook::timeout>("timeout"),
};

constexpr std::array kHooks = {
    field<&Hooks::prestart>("prestart"),
    field<&Hooks::createRuntime>("createRuntime"),
    field<&Hooks::createContainer>("createContainer"),
    field<&Hooks::startContainer>("startContainer"),
    field<&Hooks::poststart>("poststart"),
    field<&Hooks::poststop>("poststop"),
};

constexpr std::array kSpec = {
    field<&Spec::ociVersion>("ociVersion", Need::Required),
    field<&Spec::process>("process"),
    field<&Spec::root>("root", Need::Required),
    field<&Spec::hostname>("hostname"),
    field<&Spec::domainname>("domainname"),
    field<&Spec::mounts>("mounts"),
    field<&Spec::hooks>("hooks"),
    field<&Spec::annotations>("annotations"),
    field<&Spec::linux_>("linux"),
    ignored<Spec>("solaris"),
    ignored<Spec>("windows"),
    ignored<Spec>("vm"),
    ignored<Spec>("zos"),
    ignored<Spec>("freebsd"),
};

// --- checks --------------------------------------------------------------------------------------

bool is_number(std::string_view text) {
  const bool padded = text.size() > 1 && text.front() == '0';
  return !padded && ctr::parse_number<std::uint32_t>(text).ok();
}

// Dot-separated parts of [0-9A-Za-z-], none of them empty.
bool is_label(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.';
  };
  return std::all_of(text.begin(), text.end(), allowed) &&
         text.find("..") == std::string_view::npos;
}

// Cuts the text at the separator; answers whether what was cut off, if anything, is a label.
bool cut_label(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return true;
  const std::string_view label = text.substr(at + 1);
  text = text.substr(0, at);
  return is_label(label);
}

// Semantic Versioning 2.0.0: MAJOR.MINOR.PATCH[-PRERELEASE][+BUILD].
bool is_semver(std::string_view text) {
  if (!cut_label(text, '+') || !cut_label(text, '-')) return false;
  const std::vector<std::string_view> numbers = ctr::split(text, '.');
  return numbers.size() == 3 && std::all_of(numbers.begin(), numbers.end(), is_number);
}

// Compatible within the major version, config.md says; 1.x newer than us is fine.
void check_version(const std::string& version, const Pointer& at, Problems& problems) {
  if (!is_semver(version)) {
    problems.error(at, "must be a semantic version such as 1.3.0");
  } else if (!version.starts_with("1.")) {
    problems.error(at, "version " + version + " is not supported, only 1.x is");
  }
}

void check_uts_name(const std::string& name, const Linux& config, const Pointer& at,
                    const char* key, Problems& problems) {
  constexpr std::size_t kMaxName = 64;  // the kernel's __NEW_UTS_LEN
  if (name.empty()) return;
  if (name.size() > kMaxName) problems.error(at.at(key), "is longer than 64 bytes");
  check_one_line(name, at, key, problems);
  if (find_namespace(config, NamespaceType::Uts) == nullptr) {
    problems.error(at.at(key), "needs a uts namespace");
  }
}

void check_mounts(const Spec& spec, const Pointer& at, Problems& problems) {
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) check(spec.mounts[i], at.at(i), problems);
}

void check_hook_list(const std::vector<Hook>& hooks, const Pointer& at, const char* key,
                     Problems& problems) {
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    if (!is_absolute(hooks[i].path)) {
      problems.error(at.at(key).at(i).at("path"), "must be an absolute path");
    }
    if (hooks[i].timeout && *hooks[i].timeout <= 0) {
      problems.error(at.at(key).at(i).at("timeout"), "must be greater than 0");
    }
  }
}

void check_hooks(const Hooks& hooks, const Pointer& at, Problems& problems) {
  check_hook_list(hooks.prestart, at, "prestart", problems);
  check_hook_list(hooks.createRuntime, at, "createRuntime", problems);
  check_hook_list(hooks.createContainer, at, "createContainer", problems);
  check_hook_list(hooks.startContainer, at, "startContainer", problems);
  check_hook_list(hooks.poststart, at, "poststart", problems);
  check_hook_list(hooks.poststop, at, "poststop", problems);
}

}  // namespace

Fields<Root> fields_of(const Root&) { return kRoot; }
Fields<IdMapping> fields_of(const IdMapping&) { return kIdMapping; }
Fields<Mount> fields_of(const Mount&) { return kMount; }
Fields<Hook> fields_of(const Hook&) { return kHook; }
Fields<Hooks> fields_of(const Hooks&) { return kHooks; }
Fields<Spec> fields_of(const Spec&) { return kSpec; }

void check(const Mount& mount, const Pointer& at, Problems& problems) {
  if (mount.destination.empty()) {
    problems.error(at.at("destination"), "must not be empty");
  } else if (!is_absolute(mount.destination)) {
    problems.warning(at.at("destination"), "is relative, which is deprecated; taken as from /");
  }
  check_path_length(mount.destination, at, "destination", problems);
  check_id_map(mount.uidMappings, at, "uidMappings", problems);
  check_id_map(mount.gidMappings, at, "gidMappings", problems);
  if (mount.uidMappings.empty() != mount.gidMappings.empty()) {
    problems.error(at, "uidMappings and gidMappings must be given together");
  }
}

void check(const Spec& spec, const Pointer& at, Problems& problems) {
  check_version(spec.ociVersion, at.at("ociVersion"), problems);
  if (spec.root.path.empty()) problems.error(at.at("root").at("path"), "must not be empty");
  check_path_length(spec.root.path, at.at("root"), "path", problems);
  if (spec.process) check(*spec.process, at.at("process"), problems);
  check_uts_name(spec.hostname, spec.linux_, at, "hostname", problems);
  check_uts_name(spec.domainname, spec.linux_, at, "domainname", problems);
  check_mounts(spec, at.at("mounts"), problems);
  check_hooks(spec.hooks, at.at("hooks"), problems);
  check(spec.linux_, at.at("linux"), problems);
  if (spec.annotations.contains("")) {
    problems.error(at.at("annotations"), "a key must not be empty");
  }
}

}  // namespace oci
