// Reading what a check looks at; see reader.hpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/reader.hpp"

#include "pg/text.hpp"

namespace pg_cutover::validate {

Reader::Reader() {
  heap_.Set("enable_seqscan", "on");
  heap_.SetIndexScans("off");
  for (const char* const setting : {"enable_partition_pruning", "constraint_exclusion"})
    heap_.Set(setting, "off");
}

std::string FromClause(Oid relation) {
  const bool only = pg::Call(get_rel_relkind, relation) == RELKIND_RELATION;
  return (only ? "ONLY " : "") + pg::QualifiedName(relation);
}

std::string Condition(Oid relation, const std::string& filter, const char* key, const char* alias) {
  const link::Origin origin{key, filter};
  const pg::OpenRelation source(relation, AccessShareLock);
  Node* const raw = link::ParseExpression(origin);
  Node* const value = link::AnalyseExpression(origin, raw, source.get());
  Node* const condition = link::CoerceToCondition(origin, value);
  const link::CanonicalSettings canonical;
  return pg::Section([=]() -> const char* {
    return deparse_expression(condition, deparse_context_for(alias, relation), true, false);
  });
}

void RequireColumns(Oid relation, const std::vector<std::string>& columns, const char* key) {
  for (const std::string& column : columns) {
    const char* const name = column.c_str();
    if (pg::Call(get_attnum, relation, name) <= 0)
      pg::Raise(ERRCODE_UNDEFINED_COLUMN,
                fmt::format("{} has no column \"{}\"", pg::QualifiedName(relation), column),
                fmt::format("It is named by \"{}\" in the spec of the check.", key));
  }
}

std::string KeyImage(const std::vector<std::string>& columns, const std::string& alias) {
  std::vector<std::string> parts;
  for (const std::string& column : columns)
    parts.push_back(
        fmt::format("{}, {}{}", pg::QuoteLiteral(column), alias, pg::QuoteIdentifier(column)));
  return fmt::format("jsonb_build_object({})::text", fmt::join(parts, ", "));
}

std::string Joined(const pg::Rows& rows) {
  std::vector<std::string> parts;
  for (uint64_t i = 0; i < rows.size(); ++i)
    parts.push_back(rows.Text(i, 1).value_or("NULL"));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string OwnFunction(Reader& reader, const char* name) {
  const pg::Rows schema = reader.Query(
      "SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
      "WHERE e.extname = 'pg_cutover'");
  return fmt::format("{}.{}", pg::QuoteIdentifier(schema.Text(0, 1).value()), name);
}

std::string Counted(int64_t number, const char* one, const char* many) {
  if (number == 1 || many == nullptr)
    return fmt::format("{} {}{}", number, one, number == 1 ? "" : "s");
  return fmt::format("{} {}", number, many);
}

}  // namespace pg_cutover::validate
