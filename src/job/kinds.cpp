// What a kind of job runs; see kinds.hpp.
#include <array>
#include <cassert>

#include "job/kinds.hpp"

namespace pg_cutover::job {

namespace {

constexpr size_t kMostKinds = 32;
std::array<Kind, kMostKinds> kinds;
size_t kind_count = 0;

}  // namespace

void RegisterKind(const Kind& kind) {
  assert(kind_count < kMostKinds && FindKind(kind.name) == nullptr);
  kinds[kind_count++] = kind;
}

const Kind* FindKind(std::string_view name) {
  for (size_t i = 0; i < kind_count; ++i)
    if (name == kinds[i].name) return &kinds[i];
  return nullptr;
}

}  // namespace pg_cutover::job
