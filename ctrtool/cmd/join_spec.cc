// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/join_spec.h"

#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/ns_kind.h"

namespace ctr {
namespace {

Error mistake(std::string_view text, std::size_t at, const char* why) {
  return make_error(Kind::InvalidSpec, "%s, character %zu: %s", quote(text).c_str(), at + 1, why);
}

// Reads the letters; answers where the terminator is.
Result<std::size_t> take_letters(std::string_view text, JoinRequest& request) {
  constexpr std::string_view kTerminators = ":-=/%@";
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (kTerminators.find(c) != std::string_view::npos) return at;
    if (const NsKind* kind = find_ns_kind(c); kind != nullptr) {
      request.types |= kind->flag;
    } else if (c == 'a') {
      request.all = true;
    } else if (c == 'X') {
      request.close = true;
    } else {
      return mistake(text, at, "no namespace has this letter");
    }
  }
  return mistake(text, text.size(), "one of : - = / % @ is missing");
}

Result<void> take_descriptor(std::string_view text, std::string_view spec, JoinRequest& request) {
  request.from = JoinRequest::From::Descriptor;
  request.fd = TRY_CTX(take_fd_number(spec), "%s", quote(text).c_str());
  return {};
}

}  // namespace

Result<JoinRequest> parse_join_spec(std::string_view text) {
  JoinRequest request{.from = JoinRequest::From::File, .text = std::string(text)};
  const std::size_t at = TRY(take_letters(text, request));
  const std::string_view rest = text.substr(at + 1);
  request.path = std::string(rest);
  switch (text[at]) {
    case ':':
      TRY(take_descriptor(text, rest, request));
      return request;
    case '-':
      TRY(take_descriptor(
          text, "/" + (rest.empty() ? std::string(kDefaultJoinVariable) : std::string(rest)),
          request));
      return request;
    case '@':
      request.from = JoinRequest::From::Process;
      request.pid = TRY_CTX(parse_number<pid_t>(rest), "%s", quote(text).c_str());
      if (request.pid <= 0) return mistake(text, at + 1, "not a process");
      return request;
    case '/':
    case '%':
      request.from = JoinRequest::From::Directory;
      break;
    default:
      break;
  }
  if (rest.empty()) return mistake(text, at + 1, "a path is missing");
  return request;
}

Result<int> parse_ns_letters(std::string_view letters) {
  int types = 0;
  for (std::size_t at = 0; at < letters.size(); ++at) {
    const NsKind* kind = find_ns_kind(letters[at]);
    if (kind == nullptr) return mistake(letters, at, "no namespace has this letter");
    types |= kind->flag;
  }
  return types;
}

JoinRequest request_of(const JoinHandle& handle) {
  return {.from = JoinRequest::From::Descriptor,
          .types = handle.types,
          .close = handle.close,
          .fd = handle.fd.raw(),
          .text = handle.shown};
}

}  // namespace ctr
