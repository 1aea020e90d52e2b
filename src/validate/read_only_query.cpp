// Queries that only read; see read_only_query.hpp.
#include <chrono>

#include <fmt/format.h>

#include "validate/read_only_query.hpp"

#include "pg/call.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"

namespace pg_cutover::validate {

namespace {

template <class Kernel>
auto Explained(const link::Origin& origin, Kernel&& kernel) {
  const link::OriginScope scope(origin);
  return pg::Section(kernel);
}

[[noreturn]] void Refuse(const link::Origin& origin, const std::string& detail) {
  pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
            fmt::format("{} must be one query that only reads", origin.what), detail,
            "Write one SELECT, VALUES or WITH that neither changes nor locks rows.");
}

bool Parses(const link::Origin& origin) {
  const char* const text = origin.text.c_str();
  return !pg::TryInSubtransaction([=] { (void)pg::Call(pg_parse_query, text); });
}

RawStmt* ParseOne(const link::Origin& origin) {
  const char* const text = origin.text.c_str();
  const List* const statements = Explained(origin, [=] { return pg_parse_query(text); });
  if (list_length(statements) != 1)
    Refuse(origin, fmt::format("It has {} statements.", list_length(statements)));
  auto* const statement = static_cast<RawStmt*>(linitial(statements));
  if (!IsA(statement->stmt, SelectStmt))
    Refuse(origin, fmt::format("It is {}.", GetCommandTagName(CreateCommandTag(statement->stmt))));
  if (reinterpret_cast<SelectStmt*>(statement->stmt)->intoClause != nullptr)
    Refuse(origin, "It makes a table.");
  return statement;
}

// A command that writes rows gets a number of its own, at any level of subtransactions and whether
// or not it was rolled back. A transaction id would say the same only where there is none yet.
CommandId NextCommand() {
  return pg::Section([] {
    CommandCounterIncrement();
    return GetCurrentCommandId(false);
  });
}

}  // namespace

ReadOnlyScope::ReadOnlyScope() : command_(NextCommand()) {
  settings_.Set("transaction_read_only", "on");
}

void ReadOnlyScope::RequireNothingWritten(const std::string& what) const {
  if (NextCommand() == command_) return;
  pg::Raise(ERRCODE_READ_ONLY_SQL_TRANSACTION, fmt::format("{} has written to the database", what),
            "Rows were written, as of a large object or a temporary table. They are rolled back.",
            "Call only functions that read.");
}

PlannedQuery PlanReadOnly(const link::Origin& origin) {
  RawStmt* const statement = ParseOne(origin);
  const char* const text = origin.text.c_str();
  const List* const rewritten = Explained(origin, [=] {
    return pg_analyze_and_rewrite_fixedparams(statement, text, nullptr, 0, nullptr);
  });
  auto* const query = static_cast<::Query*>(linitial(rewritten));
  if (list_length(rewritten) != 1 || query->commandType != CMD_SELECT || query->hasModifyingCTE)
    Refuse(origin, "It changes rows.");
  PlannedQuery planned{origin, nullptr, NIL};
  planned.columns =
      Explained(origin, [=] { return static_cast<List*>(copyObjectImpl(query->targetList)); });
  planned.plan = Explained(
      origin, [=] { return pg_plan_query(query, text, CURSOR_OPT_PARALLEL_OK, nullptr); });
  // The plan knows of the subqueries and views inside as well.
  if (planned.plan->rowMarks != NIL) Refuse(origin, "It locks rows.");
  return planned;
}

PlannedQuery PlanBoolean(const link::Origin& origin) {
  link::Origin wrapped = origin;
  // The line break ends a comment that the expression may end with.
  if (!Parses(origin)) wrapped.text = fmt::format("SELECT ({}\n)", origin.text);
  // Neither: PostgreSQL's report of the text as it was given.
  if (!Parses(wrapped)) wrapped.text = origin.text;
  PlannedQuery query = PlanReadOnly(wrapped);
  int columns = 0;
  Oid type = InvalidOid;
  for (int i = 0; i < list_length(query.columns); ++i) {
    const auto* const entry = static_cast<TargetEntry*>(list_nth(query.columns, i));
    if (entry->resjunk) continue;
    ++columns;
    type = pg::Call(exprType, reinterpret_cast<const Node*>(entry->expr));
  }
  if (columns != 1 || type != BOOLOID)
    pg::Raise(ERRCODE_DATATYPE_MISMATCH, fmt::format("{} must yield one boolean", origin.what),
              columns == 1
                  ? fmt::format("It yields {}.", std::string(pg::Call(format_type_be, type)))
                  : fmt::format("It has {} columns.", columns),
              "Write a boolean expression, as (SELECT count(*) FROM queue) = 0, or a SELECT of one "
              "boolean column.");
  return query;
}

void RequirePermanent(const PlannedQuery& query) {
  for (int i = 0; i < list_length(query.plan->rtable); ++i) {
    // Views among them. (The relationOids of a plan have every constant of type oid besides.)
    const Oid relation = static_cast<RangeTblEntry*>(list_nth(query.plan->rtable, i))->relid;
    if (!OidIsValid(relation) || pg::Call(get_rel_persistence, relation) != RELPERSISTENCE_TEMP)
      continue;
    pg::Raise(
        ERRCODE_WRONG_OBJECT_TYPE, fmt::format("{} is temporary", pg::QualifiedName(relation)),
        fmt::format("{} reads it; other sessions, which run the check as well, do not see it.",
                    query.origin.what),
        "Use a permanent or unlogged table.");
  }
}

Execution Execute(const PlannedQuery& query) {
  PlannedStmt* const plan = query.plan;
  const char* const text = query.origin.text.c_str();
  const link::OriginScope scope(query.origin);
  return pg::Section([=] {
    using Clock = std::chrono::steady_clock;
    const BufferUsage before = pgBufferUsage;
    const Clock::time_point start = Clock::now();
    const Portal portal = CreateNewPortal();
    portal->visible = false;
    PortalDefineQuery(portal, nullptr, text, CMDTAG_SELECT, list_make1(plan), nullptr);
    PortalStart(portal, nullptr, 0, GetActiveSnapshot());
    QueryCompletion done;
    InitializeQueryCompletion(&done);
    (void)pg::compat::RunPortal(portal, FETCH_ALL, None_Receiver, &done);
    PortalDrop(portal, false);
    const Clock::duration took = Clock::now() - start;
    return Execution{std::chrono::duration<double, std::milli>(took).count(), done.nprocessed,
                     (pgBufferUsage.shared_blks_hit - before.shared_blks_hit) +
                         (pgBufferUsage.shared_blks_read - before.shared_blks_read)};
  });
}

}  // namespace pg_cutover::validate
