// SPDX-License-Identifier: Apache-2.0
// Each struct of spec.h is described once, by a table of its properties; reading and writing both
// go by that table, so what one knows the other knows too.
//
// Null: Go programs write it for an empty slice, map or pointer to a struct, so for an object or an
// array that is a property it means absent. For a string, number or boolean, and for any element of
// an array or map, it is an error: there it would drop something that was asked for.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "runtime/spec/json.h"
#include "runtime/spec/names.h"
#include "runtime/spec/reader.h"
#include "runtime/spec/spec.h"

namespace oci {

enum class Need : std::uint8_t {
  Optional,  // not written when it is what absent means
  Always,    // may be absent, but is written always
  Required,
};

template <typename Owner>
struct Field {
  std::string_view name;
  Need need;
  bool null_is_absent;
  void (*read)(Reader& in, json::Value value, Owner& out);
  // Writes key and value, if there is something to write.
  void (*write)(json::Writer& out, std::string_view name, Need need, const Owner& owner);
};

template <typename Owner>
using Fields = std::span<const Field<Owner>>;

Fields<Spec> fields_of(const Spec&);
Fields<Root> fields_of(const Root&);
Fields<IdMapping> fields_of(const IdMapping&);
Fields<Mount> fields_of(const Mount&);
Fields<Hook> fields_of(const Hook&);
Fields<Hooks> fields_of(const Hooks&);

Fields<Process> fields_of(const Process&);
Fields<ConsoleSize> fields_of(const ConsoleSize&);
Fields<User> fields_of(const User&);
Fields<Capabilities> fields_of(const Capabilities&);
Fields<Rlimit> fields_of(const Rlimit&);
Fields<Scheduler> fields_of(const Scheduler&);
Fields<IoPriority> fields_of(const IoPriority&);
Fields<CpuAffinity> fields_of(const CpuAffinity&);

Fields<Linux> fields_of(const Linux&);
Fields<Namespace> fields_of(const Namespace&);
Fields<TimeOffset> fields_of(const TimeOffset&);
Fields<TimeOffsets> fields_of(const TimeOffsets&);
Fields<Device> fields_of(const Device&);
Fields<NetDevice> fields_of(const NetDevice&);
Fields<IntelRdt> fields_of(const IntelRdt&);
Fields<MemoryPolicy> fields_of(const MemoryPolicy&);
Fields<Personality> fields_of(const Personality&);

Fields<Resources> fields_of(const Resources&);
Fields<DeviceRule> fields_of(const DeviceRule&);
Fields<Memory> fields_of(const Memory&);
Fields<Cpu> fields_of(const Cpu&);
Fields<Pids> fields_of(const Pids&);
Fields<WeightDevice> fields_of(const WeightDevice&);
Fields<ThrottleDevice> fields_of(const ThrottleDevice&);
Fields<BlockIo> fields_of(const BlockIo&);
Fields<HugepageLimit> fields_of(const HugepageLimit&);
Fields<InterfacePriority> fields_of(const InterfacePriority&);
Fields<Network> fields_of(const Network&);
Fields<Rdma> fields_of(const Rdma&);

Fields<Seccomp> fields_of(const Seccomp&);
Fields<SyscallRule> fields_of(const SyscallRule&);
Fields<SyscallArg> fields_of(const SyscallArg&);

template <typename T>
concept Described = requires(const T& value) {
  fields_of(value);
};

template <typename T>
concept Word = std::is_enum_v<T>;

// --- reading -------------------------------------------------------------------------------------

template <Word Enum>
void read(Reader& in, json::Value value, Enum& out) {
  out = static_cast<Enum>(read_word(in, value, names_of(Enum{})));
}

// Encoders write properties in the order of the tables: the search goes on where the last one
// ended.
template <typename Owner>
std::size_t find_field(Fields<Owner> fields, std::string_view name, std::size_t start) {
  for (std::size_t i = start; i < fields.size(); ++i) {
    if (fields[i].name == name) return i;
  }
  for (std::size_t i = 0; i < start; ++i) {
    if (fields[i].name == name) return i;
  }
  return fields.size();
}

template <Described Owner>
void read_fields(Reader& in, json::Value value, Owner& out) {
  if (!in.expect(value, json::Type::Object)) return;
  const Fields<Owner> fields = fields_of(out);
  std::uint64_t seen = 0;
  std::size_t next = 0;
  for (const json::Member member : value.members()) {
    const Reader::Step step(in, member.key);
    const std::size_t found = find_field(fields, member.key, next);
    if (found == fields.size()) {
      in.warning("unknown property, ignored");
      continue;
    }
    next = found + 1;
    if (fields[found].null_is_absent && member.value.is_null()) continue;
    seen |= std::uint64_t{1} << found;
    fields[found].read(in, member.value, out);
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].need == Need::Required && (seen >> i & 1U) == 0) in.missing(fields[i].name);
  }
}

template <Described T>
void read(Reader& in, json::Value value, T& out) {
  read_fields(in, value, out);
}

template <typename T>
void read(Reader& in, json::Value value, std::optional<T>& out);

template <typename T>
void read(Reader& in, json::Value value, std::vector<T>& out) {
  if (!in.expect(value, json::Type::Array)) return;
  out.reserve(value.size());
  std::size_t index = 0;
  for (const json::Value element : value.elements()) {
    const Reader::Step step(in, index++);
    read(in, element, out.emplace_back());
  }
}

template <typename T>
void read(Reader& in, json::Value value, std::map<std::string, T>& out) {
  if (!in.expect(value, json::Type::Object)) return;
  for (const json::Member member : value.members()) {
    const Reader::Step step(in, member.key);
    read(in, member.value, out[std::string(member.key)]);
  }
}

template <typename T>
void read(Reader& in, json::Value value, std::optional<T>& out) {
  read(in, value, out.emplace());
}

// --- writing -------------------------------------------------------------------------------------

inline void write(json::Writer& out, const std::string& text) { out.value(text); }

template <std::integral Number>
void write(json::Writer& out, Number number) {
  out.value(number);
}

template <Word Enum>
void write(json::Writer& out, Enum value) {
  out.value(to_string(value));
}

template <Described Owner>
void write(json::Writer& out, const Owner& owner) {
  out.object([&] {
    for (const Field<Owner>& field : fields_of(owner)) {
      field.write(out, field.name, field.need, owner);
    }
  });
}

template <typename T>
void write(json::Writer& out, const std::vector<T>& list) {
  out.array([&] {
    for (const T& item : list) write(out, item);
  });
}

template <typename T>
void write(json::Writer& out, const std::map<std::string, T>& map) {
  out.object([&] {
    for (const auto& [key, value] : map) {
      out.key(key);
      write(out, value);
    }
  });
}

template <typename T>
void write(json::Writer& out, const std::optional<T>& value) {
  write(out, *value);
}

template <typename T>
bool is_absent(const std::optional<T>& value) {
  return !value.has_value();
}

template <typename T>
bool is_absent(const T& value) {
  return value == T{};
}

// --- tables --------------------------------------------------------------------------------------

template <typename T>
inline constexpr bool kNullIsAbsent = Described<T>;
template <typename T>
inline constexpr bool kNullIsAbsent<std::vector<T>> = true;
template <typename T>
inline constexpr bool kNullIsAbsent<std::map<std::string, T>> = true;
template <typename T>
inline constexpr bool kNullIsAbsent<std::optional<T>> = kNullIsAbsent<T>;

template <auto Member>
struct MemberTraits;
template <typename OwnerType, typename ValueType, ValueType OwnerType::*Member>
struct MemberTraits<Member> {
  using Owner = OwnerType;
  using Type = ValueType;
};

template <auto Member>
using OwnerOf = typename MemberTraits<Member>::Owner;
template <auto Member>
using TypeOf = typename MemberTraits<Member>::Type;

template <auto Member>
void write_member(json::Writer& out, std::string_view name, Need need,
                  const OwnerOf<Member>& owner) {
  if (need == Need::Optional && is_absent(owner.*Member)) return;
  out.key(name);
  write(out, owner.*Member);
}

// field<&Root::path>("path", Need::Required)
template <auto Member>
constexpr Field<OwnerOf<Member>> field(std::string_view name, Need need = Need::Optional) {
  return {name, need, kNullIsAbsent<TypeOf<Member>>,
          [](Reader& in, json::Value value, OwnerOf<Member>& out) { read(in, value, out.*Member); },
          write_member<Member>};
}

// The same for a member that has a way of its own to be read.
template <auto Member, void (*Read)(Reader&, json::Value, TypeOf<Member>&)>
constexpr Field<OwnerOf<Member>> field_by(std::string_view name, Need need = Need::Optional) {
  return {name, need, kNullIsAbsent<TypeOf<Member>>,
          [](Reader& in, json::Value value, OwnerOf<Member>& out) { Read(in, value, out.*Member); },
          write_member<Member>};
}

// A property that belongs to another platform: known, of no concern to us.
template <typename Owner>
constexpr Field<Owner> ignored(std::string_view name) {
  return {name, Need::Optional, true, [](Reader&, json::Value, Owner&) {},
          [](json::Writer&, std::string_view, Need, const Owner&) {}};
}

}  // namespace oci
