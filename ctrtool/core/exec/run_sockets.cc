// SPDX-License-Identifier: Apache-2.0
// Sockets that the program finds open: sd_listen_fds(3).
#include <unistd.h>

#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/kit/socket_request.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

void set_variable(std::vector<std::string>& env, const std::string& name,
                  const std::string& value) {
  std::erase_if(env, [&](const std::string& entry) { return entry.starts_with(name + "="); });
  env.push_back(name + "=" + value);
}

}  // namespace

Result<void> run(const OpenSockets& op, Context& ctx) {
  constexpr unsigned kFirst = 3;
  unsigned number = op.first;
  for (const ListenSocket& socket : op.sockets) {
    const UniqueFd opened =
        TRY_CTX(open_socket(socket.request), "%s", describe(socket.request).c_str());
    TRY(sys::dup2(opened, static_cast<int>(number++)));
  }
  set_variable(ctx.env, "LISTEN_PID", strf("%d", ::getpid()));
  set_variable(ctx.env, "LISTEN_FDS", strf("%u", number - kFirst));
  set_variable(ctx.env, "LISTEN_FDNAMES", op.names);
  return {};
}

}  // namespace ctr
