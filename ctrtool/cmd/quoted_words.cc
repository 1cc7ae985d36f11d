// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/quoted_words.h"

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {

Result<Words> split_quoted(std::string_view text) {
  Words words;
  std::string word;
  bool in_word = false;
  char quoted_by = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool blank = c == ' ' || c == '\t' || c == '\n';
    if (c == '\\' && quoted_by != '\'') {
      if (++i == text.size()) return make_error(Kind::InvalidSpec, "a backslash at the end");
      // In double quotes it only protects what would be special there.
      if (quoted_by == '"' && text[i] != '"' && text[i] != '\\') word += '\\';
      word += text[i];
      in_word = true;
    } else if (quoted_by != 0) {
      if (c == quoted_by)
        quoted_by = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quoted_by = c;
      in_word = true;
    } else if (!blank) {
      word += c;
      in_word = true;
    } else if (in_word) {
      words.push_back(std::move(word));
      word.clear();
      in_word = false;
    }
  }
  if (quoted_by != 0) return make_error(Kind::InvalidSpec, "a quote (%c) is not closed", quoted_by);
  if (in_word) words.push_back(std::move(word));
  return words;
}

Result<Words> words_of_file(const std::string& path) {
  const std::string text = TRY(sys::read_file_at(kCwd, path));
  Words words;
  std::size_t number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    if (trim(line).starts_with('#')) continue;
    const Words more = TRY_CTX(split_quoted(line), "%s: line %zu", quote(path).c_str(), number);
    words.insert(words.end(), more.begin(), more.end());
  }
  return words;
}

std::string quote_word(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(word);
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace ctr
