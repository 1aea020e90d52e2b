// What a check is: a kind, and a spec that says what it looks at.
//
// A kind has a table of the keys that its spec may have, a function that looks at a new spec so
// that a mistake is an error when the check is added, and a function that finds out how things
// stand. All of them run with the rights of the role that the check belongs to. A finding of kFail
// means that something is wrong; whatever could not be found out is kInconclusive, never kPass.
#pragma once

#include <string>
#include <vector>

#include "validate/spec.hpp"

namespace pg_cutover::validate {

enum class Status { kPass, kFail, kInconclusive };
std::string StatusName(Status status);

struct Finding {
  Status status = Status::kInconclusive;
  std::string details;
};

struct Kind {
  const char* name;
  Relations relations;
  Allowed allowed;
  std::vector<Key> keys;
  // Raises what is wrong with a spec whose keys and relations are in order; nullptr: no more to
  // look at.
  void (*examine)(const Spec&);
  Finding (*run)(const Spec&);

  Shape shape() const { return {name, relations, allowed, keys}; }
};

// Raises invalid_parameter_value, with all names there are, for any other.
const Kind& FindKind(const std::string& name);

void ExamineRowCount(const Spec& spec);
Finding RowCount(const Spec& spec);
void ExamineChecksum(const Spec& spec);
Finding Checksum(const Spec& spec);
void ExamineForeignKeys(const Spec& spec);
Finding ForeignKeys(const Spec& spec);
void ExamineConstraints(const Spec& spec);
Finding Constraints(const Spec& spec);
Finding Indexes(const Spec& spec);
Finding Sequences(const Spec& spec);
void ExamineSchema(const Spec& spec);
Finding Schema(const Spec& spec);
void ExamineQuery(const Spec& spec);
Finding Query(const Spec& spec);
void ExamineQueryPerformance(const Spec& spec);
Finding QueryPerformance(const Spec& spec);

}  // namespace pg_cutover::validate
