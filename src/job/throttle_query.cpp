// The `query` of a throttle; see throttle_query.hpp.
#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "job/throttle_query.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/subtransaction.hpp"

namespace pg_cutover::job {

namespace {

[[noreturn]] void Refuse(const std::string& detail) {
  pg::Raise(
      ERRCODE_INVALID_PARAMETER_VALUE,
      "throttle key \"query\" must be one read-only query for a boolean", detail,
      "Write a boolean expression, as (SELECT count(*) FROM queue) > 1000, or a SELECT of one "
      "boolean column.");
}

// Nullopt where the text is not a statement at all; PostgreSQL's error is kept in `failure`.
std::optional<List*> Parse(const std::string& text, std::optional<pg::Error>* failure) {
  const char* const source = text.c_str();
  try {
    return pg::InSubtransaction([=] { return pg::Call(pg_parse_query, source); });
  } catch (const pg::Error& error) {
    failure->emplace(error);
    return std::nullopt;
  }
}

// Reports a mistake inside the query with its text and position, as PL/pgSQL does.
void ShowQuery(void* text) {
  const int position = geterrposition();
  if (position > 0) {
    errposition(0);
    internalerrposition(position);
    internalerrquery(static_cast<const char*>(text));
  }
}

[[noreturn]] void ReportSyntax(const std::string& text) {
  const char* const source = text.c_str();
  pg::Section([=] {
    ErrorContextCallback callback;
    callback.callback = ShowQuery;
    callback.arg = const_cast<char*>(source);
    callback.previous = error_context_stack;
    error_context_stack = &callback;
    (void)pg_parse_query(source);
    error_context_stack = callback.previous;
  });
  Refuse("It cannot be parsed.");
}

bool LooksLikeStatement(const std::string& text) {
  const size_t start = text.find_first_not_of(" \t\r\n(");
  if (start == std::string::npos) return false;
  for (const std::string_view word : {"select", "with", "values", "table"})
    if (pg_strncasecmp(text.c_str() + start, word.data(), word.size()) == 0) return true;
  return false;
}

Query* Analyze(RawStmt* statement, const char* text) {
  return pg::Section([=]() -> Query* {
    ErrorContextCallback callback;
    callback.callback = ShowQuery;
    callback.arg = const_cast<char*>(text);
    callback.previous = error_context_stack;
    error_context_stack = &callback;
    Query* const query = parse_analyze_fixedparams(statement, text, nullptr, 0, nullptr);
    // The planner scribbles on its input, and the query is deparsed afterwards.
    List* const rewritten = QueryRewrite(static_cast<Query*>(copyObjectImpl(query)));
    (void)pg_plan_queries(rewritten, text, CURSOR_OPT_PARALLEL_OK, nullptr);
    error_context_stack = callback.previous;
    return query;
  });
}

}  // namespace

std::string CanonicalQuery(const std::string& query) {
  std::string text = query;
  std::optional<pg::Error> failure;
  std::optional<List*> statements = Parse(text, &failure);
  if (!statements) {
    // The line break ends a comment that the expression may end with.
    text = fmt::format("SELECT ({}\n) AS hold", query);
    std::optional<pg::Error> ignored;
    statements = Parse(text, &ignored);
    // Neither: once more, for PostgreSQL's own report of what it looks most like.
    if (!statements) ReportSyntax(LooksLikeStatement(query) ? query : text);
  }
  if (list_length(*statements) != 1)
    Refuse(fmt::format("It has {} statements.", list_length(*statements)));
  auto* const statement = static_cast<RawStmt*>(linitial(*statements));
  if (!IsA(statement->stmt, SelectStmt) ||
      reinterpret_cast<SelectStmt*>(statement->stmt)->intoClause != nullptr)
    Refuse("It is not a SELECT.");
  const pg::ActiveSnapshot snapshot;
  const Query* const analyzed = Analyze(statement, text.c_str());
  if (analyzed->hasModifyingCTE || analyzed->rowMarks != NIL) Refuse("It locks or changes rows.");
  int columns = 0;
  Oid type = InvalidOid;
  for (int i = 0; i < list_length(analyzed->targetList); ++i) {
    const auto* const entry = static_cast<TargetEntry*>(list_nth(analyzed->targetList, i));
    if (entry->resjunk) continue;
    ++columns;
    type = pg::Call(exprType, reinterpret_cast<const Node*>(entry->expr));
  }
  if (columns != 1) Refuse(fmt::format("It has {} columns.", columns));
  if (type != BOOLOID)
    Refuse(fmt::format("It yields {}.", std::string(pg::Call(format_type_be, type))));
  pg::GucScope settings;
  settings.Set("search_path", "pg_catalog, pg_temp");
  const std::string canonical =
      pg::Section([=] { return pg_get_querydef(const_cast<Query*>(analyzed), false); });
  return canonical.substr(std::min(canonical.find_first_not_of(' '), canonical.size()));
}

}  // namespace pg_cutover::job
