// Functions in a mapping whose bodies mean something in the caller's session only; see
// function_bodies.hpp.
#include <fmt/format.h>

#include <vector>

#include "link/function_bodies.hpp"

#include "link/expression.hpp"
#include "link/tree.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/subtransaction.hpp"

namespace pg_cutover::link {

namespace {

bool AddFunction(Oid function, void* argument) {
  auto** const functions = static_cast<List**>(argument);
  // PostgreSQL's own name what is in pg_catalog.
  if (function >= FirstUnpinnedObjectId) *functions = list_append_unique_oid(*functions, function);
  return false;
}

bool CollectFunctions(Node* node, void* argument) {
  if (node == nullptr) return false;
  if (IsA(node, Query))
    return WalkQuery(reinterpret_cast<Query*>(node), CollectFunctions, argument);
  (void)check_functions_in_node(node, AddFunction, argument);
  return WalkChildren(node, CollectFunctions, argument);
}

std::vector<std::string> FunctionsIn(Node* analysed) {
  const List* const functions = pg::Section([=]() -> const List* {
    List* found = NIL;
    (void)CollectFunctions(analysed, &found);
    return found;
  });
  std::vector<std::string> oids;
  for (int i = 0; i < list_length(functions); ++i)
    oids.push_back(std::to_string(list_nth_oid(functions, i)));
  return oids;
}

// Whether the error says that a name was not found, or not what was meant. What the caller may not
// do is another matter: a function that runs as its owner may do more.
bool IsAboutNames(const pg::Error& error) {
  return ERRCODE_TO_CATEGORY(error.sqlstate()) == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
         error.sqlstate() != ERRCODE_INSUFFICIENT_PRIVILEGE;
}

// As a job or a trigger would run it.
template <class Body>
std::optional<pg::Error> FailureWhenPinned(Body&& body) {
  std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
    const CanonicalSettings settings;
    body();
  });
  if (failure && !IsAboutNames(*failure)) {
    if (failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw std::move(*failure);
    return std::nullopt;
  }
  return failure;
}

struct SqlFunction {
  Oid id;
  std::string name;
};

// Those in language SQL that take the search_path of whoever calls them.
std::vector<SqlFunction> SqlFunctions(const std::vector<std::string>& oids) {
  const CanonicalSettings settings;
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT p.oid, p.oid::regprocedure::text FROM pg_proc p "
      "JOIN pg_language l ON l.oid = p.prolang "
      "WHERE p.oid = ANY ($1::oid[]) AND l.lanname = 'sql' AND NOT EXISTS "
      "  (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search\\_path=%') "
      "ORDER BY p.oid",
      {pg::Argument::TextArray(oids)});
  std::vector<SqlFunction> functions;
  for (uint64_t row = 0; row < rows.size(); ++row)
    functions.push_back({rows.ObjectId(row, 1).value(), rows.Text(row, 2).value()});
  return functions;
}

[[noreturn]] void Refuse(const Origin& origin, const std::string& where,
                         const std::string& function, const pg::ErrorInfo& failure) {
  pg::Raise(
      ERRCODE_INVALID_FUNCTION_DEFINITION, fmt::format("{} depends on search_path", origin.what),
      fmt::format("It is evaluated under search_path \"pg_catalog, pg_temp\". There {} fails: "
                  "{}. The expression is: {}",
                  where, failure.message, origin.text),
      fmt::format("ALTER FUNCTION {} SET search_path FROM CURRENT, or qualify the names in its "
                  "body.",
                  function));
}

// "SQL function "b" during inlining, SQL function "a" during inlining": one a line before.
std::string InOneLine(std::string context) {
  for (size_t at = context.find('\n'); at != std::string::npos; at = context.find('\n', at))
    context.replace(at, 1, ", ");
  return context;
}

}  // namespace

void RequireKnownNames(const Origin& origin, Node* analysed) {
  const std::vector<std::string> oids = FunctionsIn(analysed);
  if (oids.empty()) return;
  for (const SqlFunction& function : SqlFunctions(oids)) {
    const Oid id = function.id;
    const std::optional<pg::Error> failure = FailureWhenPinned([=] {
      pg::GucScope settings;
      settings.Set("check_function_bodies", "on");
      pg::Section([=] { (void)OidFunctionCall1(F_FMGR_SQL_VALIDATOR, ObjectIdGetDatum(id)); });
    });
    if (failure)
      Refuse(origin, fmt::format("the body of function {}", function.name), function.name,
             failure->info());
  }
  // Polymorphic functions and what others call are read when they are inlined.
  if (ContainsSubquery(analysed)) return;
  const std::optional<pg::Error> failure = FailureWhenPinned([=] {
    pg::Section([=] {
      auto* const copy = static_cast<Node*>(copyObjectImpl(analysed));
      // Which functions are being read is what the context is to say, not who called us.
      ErrorContextCallback* const callers = error_context_stack;
      error_context_stack = nullptr;
      (void)expression_planner(reinterpret_cast<Expr*>(copy));
      error_context_stack = callers;
    });
  });
  if (failure)
    Refuse(origin, fmt::format("planning it ({})", InOneLine(failure->info().context)), "...",
           failure->info());
}

}  // namespace pg_cutover::link
