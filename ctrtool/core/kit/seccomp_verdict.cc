// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/seccomp_verdict.h"

#include <cstring>

namespace ctr {
namespace {

class BpfMachine {
 public:
  BpfMachine(const std::vector<sock_filter>& program, const seccomp_data& data)
      : program_(program), data_(data) {}

  std::optional<std::uint32_t> run() {
    for (std::size_t at = 0; at < program_.size();) {
      const sock_filter& insn = program_[at++];
      switch (BPF_CLASS(insn.code)) {
        case BPF_RET:
          return BPF_RVAL(insn.code) == BPF_A ? a_ : insn.k;
        case BPF_JMP:
          at += jump(insn);
          break;
        default:
          if (!step(insn)) return std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  bool step(const sock_filter& insn) {
    switch (insn.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        return load(insn.k);
      case BPF_LD | BPF_IMM:
        a_ = insn.k;
        return true;
      case BPF_LDX | BPF_IMM:
        x_ = insn.k;
        return true;
      case BPF_ALU | BPF_AND | BPF_K:
        a_ &= insn.k;
        return true;
      case BPF_ALU | BPF_AND | BPF_X:
        a_ &= x_;
        return true;
      case BPF_ST:
        return store(insn.k, a_);
      case BPF_STX:
        return store(insn.k, x_);
      case BPF_LD | BPF_MEM:
        return fetch(insn.k, a_);
      case BPF_LDX | BPF_MEM:
        return fetch(insn.k, x_);
      case BPF_MISC | BPF_TAX:
        x_ = a_;
        return true;
      case BPF_MISC | BPF_TXA:
        a_ = x_;
        return true;
      default:
        return false;
    }
  }

  std::size_t jump(const sock_filter& insn) const {
    const std::uint32_t to = BPF_SRC(insn.code) == BPF_X ? x_ : insn.k;
    switch (BPF_OP(insn.code)) {
      case BPF_JA:
        return insn.k;
      case BPF_JEQ:
        return a_ == to ? insn.jt : insn.jf;
      case BPF_JGT:
        return a_ > to ? insn.jt : insn.jf;
      case BPF_JGE:
        return a_ >= to ? insn.jt : insn.jf;
      case BPF_JSET:
        return (a_ & to) != 0 ? insn.jt : insn.jf;
      default:
        return program_.size();  // falls out: no verdict
    }
  }

  bool load(std::uint32_t offset) {
    if (offset % sizeof a_ != 0 || offset + sizeof a_ > sizeof data_) return false;
    std::memcpy(&a_, reinterpret_cast<const char*>(&data_) + offset, sizeof a_);
    return true;
  }
  bool store(std::uint32_t slot, std::uint32_t value) {
    if (slot >= BPF_MEMWORDS) return false;
    memory_[slot] = value;
    return true;
  }
  bool fetch(std::uint32_t slot, std::uint32_t& to) const {
    if (slot >= BPF_MEMWORDS) return false;
    to = memory_[slot];
    return true;
  }

  const std::vector<sock_filter>& program_;
  const seccomp_data& data_;
  std::uint32_t a_ = 0;
  std::uint32_t x_ = 0;
  std::uint32_t memory_[BPF_MEMWORDS]{};
};

}  // namespace

std::optional<std::uint32_t> seccomp_verdict(const std::vector<sock_filter>& program,
                                             const seccomp_data& data) {
  return BpfMachine(program, data).run();
}

}  // namespace ctr
