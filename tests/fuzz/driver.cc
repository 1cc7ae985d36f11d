// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without libFuzzer, on each file of a corpus and on changed copies of them. The
// same inputs every time, unless time is up: then fewer. (tests/fuzz/run.sh runs it with
// libFuzzer.)
//   TARGET CORPUS
#include <stdio.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kTime{1500};
constexpr unsigned long kRounds = 100000;
constexpr std::size_t kLongest = 1 << 16;

// An exact copy on the heap, so that AddressSanitizer sees who reads beyond it.
void try_input(const std::string& input) {
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::vector<std::string> read_corpus(const std::string& dir) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& corpus) : corpus_(corpus) {}

  std::string next() {
    std::string input = corpus_[below(corpus_.size())];
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(input);
    if (input.size() > kLongest) input.resize(kLongest);
    return input;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void change(std::string& input) {
    static constexpr const char* kWords[] = {
        "0", "-1", "4294967295", "18446744073709551616", "null", ",",  "\n", "..",
        "/", ":",  "=",          "\xff\xff\xff\xff",     "{}",   "[]", "\"", "\\u0000"};
    const std::size_t at = below(input.size() + 1);
    const std::size_t length = below(std::min<std::size_t>(input.size() - at, 16) + 1);
    switch (below(6)) {
      case 0:  // another byte
        if (at < input.size()) input[at] = static_cast<char>(below(256));
        break;
      case 1:  // one bit
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ 1 << below(8));
        break;
      case 2:
        input.erase(at, length);
        break;
      case 3:
        input.insert(at, input.substr(at, length));
        break;
      case 4:
        input.insert(at, kWords[below(std::size(kWords))]);
        break;
      default: {  // a piece of another
        const std::string& other = corpus_[below(corpus_.size())];
        const std::size_t from = below(other.size() + 1);
        input.insert(at, other.substr(from, below(64)));
      }
    }
  }

  const std::vector<std::string>& corpus_;
  std::mt19937 random_{1};  // its numbers are the same everywhere
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    ::fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
    return 2;
  }
  const std::vector<std::string> corpus = read_corpus(argv[1]);
  if (corpus.empty()) {
    ::fprintf(stderr, "%s: no inputs\n", argv[1]);
    return 2;
  }
  for (const std::string& input : corpus) try_input(input);

  Mutator mutator(corpus);
  const Clock::time_point end = Clock::now() + kTime;
  unsigned long done = 0;
  for (; done < kRounds && Clock::now() < end; ++done) try_input(mutator.next());
  ::printf("%zu inputs, %lu changed ones\n", corpus.size(), done);
  return 0;
}
