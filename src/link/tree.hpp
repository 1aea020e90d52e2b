// Walking PostgreSQL's expression trees from C++: its walkers take functions without a prototype
// in 15.
#pragma once

#include "pg/pg.hpp"

namespace pg_cutover::link {

using Visitor = bool (*)(Node* node, void* argument);

inline bool WalkChildren(Node* node, Visitor visitor, void* argument) {
  const auto untyped = reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(visitor));
  return expression_tree_walker(node, untyped, argument);
}

inline bool WalkQuery(Query* query, Visitor visitor, void* argument) {
  const auto untyped = reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(visitor));
  return query_tree_walker(query, untyped, argument, 0);
}

// Of a tree as the grammar made it.
inline bool WalkRawChildren(Node* node, Visitor visitor, void* argument) {
  const auto untyped = reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(visitor));
  return raw_expression_tree_walker(node, untyped, argument);
}

}  // namespace pg_cutover::link
