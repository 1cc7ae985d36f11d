// SPDX-License-Identifier: Apache-2.0
// org.ctrtool.listen: sockets that are open before the program runs, as a service manager's are.
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/socket_words.h"
#include "runtime/translate/internal.h"

namespace oci {
namespace {

constexpr const char* kListen = "org.ctrtool.listen";

// What the caller hands on has its names, or none.
std::vector<std::string> names_so_far(const Work& work) {
  constexpr std::string_view kNames = "LISTEN_FDNAMES=";
  std::vector<std::string> names;
  for (const std::string& entry : work.options.extra_env) {
    if (!entry.starts_with(kNames)) continue;
    for (const std::string_view name :
         ctr::split(std::string_view(entry).substr(kNames.size()), ':'))
      names.emplace_back(name);
  }
  names.resize(work.options.preserve_fds, "unknown");
  return names;
}

}  // namespace

// Behind the pivot, so that a path is the container's, and behind the hooks which give its network
// namespace the addresses.
void add_listen(Work& work) {
  ctr::Result<std::vector<ctr::ListenSocket>> sockets =
      ctr::parse_listen_sockets(work.annotation(kListen));
  if (!sockets.ok()) {
    work.problems.error(annotation_at(kListen), sockets.error().message);
    return;
  }
  if (sockets->empty()) return;
  if (!work.spec.process.has_value()) {
    work.problems.error(annotation_at(kListen), "needs a process");
    return;
  }
  constexpr unsigned kFirst = 3;
  std::vector<std::string> names = names_so_far(work);
  for (const ctr::ListenSocket& socket : *sockets) names.push_back(socket.name);
  const unsigned first = kFirst + work.options.preserve_fds;
  work.plan.preserve_fds += static_cast<unsigned>(sockets->size());
  work.child(ctr::Phase::Pivot, ctr::OpenSockets{first, std::move(*sockets), ctr::join(names, ":")},
             annotation_at(kListen));
}

}  // namespace oci
