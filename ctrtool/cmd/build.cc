// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/build.h"

#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

#if defined(__x86_64__)
constexpr const char* kArchitecture = "x86_64";
#elif defined(__aarch64__)
constexpr const char* kArchitecture = "aarch64";
#else
constexpr const char* kArchitecture = "other";
#endif

#if defined(OCICTR_SANITIZED)
constexpr const char* kLinking = "dynamic";
#else
constexpr const char* kLinking = "static";
#endif

#if defined(OCICTR_COMMIT)
constexpr const char* kSource = "; commit " OCICTR_COMMIT " of " OCICTR_COMMIT_DATE;
#else
constexpr const char* kSource = "";
#endif

}  // namespace

std::string build_text() {
  return strf("ctrtool version " OCICTR_VERSION " (%s, %s%s)\n", kLinking, kArchitecture, kSource);
}

}  // namespace ctr
