// What a kind of job runs.
//
// Features do not know the runtime's insides and the runtime does not know the features: the entry
// layer registers each kind when the library is loaded.
#pragma once

#include <string_view>

namespace pg_cutover::job {

class Session;

// `leader` runs in worker 0 and decides when the job is done: returning means it succeeded.
// `helper` runs in the workers that the leader launches; nullptr where there are none.
struct Kind {
  const char* name;
  void (*leader)(Session&);
  void (*helper)(Session&);
  // It works on a link and cannot go on without it.
  bool needs_link;
};

// `kind.name` must be a literal. At most a few dozen, fixed when the library is loaded.
void RegisterKind(const Kind& kind);
// nullptr when this library knows no such kind.
const Kind* FindKind(std::string_view name);

}  // namespace pg_cutover::job
