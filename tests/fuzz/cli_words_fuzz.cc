// SPDX-License-Identifier: Apache-2.0
// Command lines from anybody, a word a line: no crash, a message of one line, and no value that
// nobody has written. The first byte says where options end.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "ctrtool/core/base/strf.h"
#include "runtime/cli/options.h"

namespace {

using oci::cli::Words;

bool was_written(const Words& words, const std::string& value) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return word.find(value) != std::string::npos;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Words words;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const std::string_view word : ctr::split(text, '\n')) words.emplace_back(word);
  // Help goes to stdout and says nothing new.
  if (std::any_of(words.begin(), words.end(),
                  [](const std::string& word) { return word.find('h') != std::string::npos; }))
    return 0;

  std::string bundle;
  std::optional<std::string> socket;
  Words env;
  bool tty = false;
  std::string id;
  Words rest;
  const oci::cli::Syntax syntax{
      .command = "fuzz",
      .help = "",
      .options = {{"bundle", 'b', "DIR", "", &bundle},
                  {"socket", '\0', "SOCKET", "", &socket},
                  {"env", 'e', "NAME=VALUE", "", &env},
                  {"tty", 't', "", "", &tty}},
      .operands = {{"ID", oci::cli::Operand::kRequired, &id}},
      .options_end =
          (data[0] & 1) != 0 ? oci::cli::Syntax::kFirstOperand : oci::cli::Syntax::kLastWord,
      .rest = (data[0] & 2) != 0 ? &rest : nullptr,
  };
  const auto parsed = oci::cli::parse_words(syntax, words);
  if (!parsed.ok()) {
    CTR_ASSERT(parsed.error().message.find('\n') == std::string::npos);
    return 0;
  }
  CTR_ASSERT(was_written(words, bundle));
  CTR_ASSERT(was_written(words, id));
  for (const std::string& variable : env) CTR_ASSERT(was_written(words, variable));
  for (const std::string& word : rest) CTR_ASSERT(was_written(words, word));
  return 0;
}
