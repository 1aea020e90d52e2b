// Reading what a check looks at; see reader.hpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/reader.hpp"

#include "pg/error.hpp"
#include "pg/prefix.hpp"
#include "pg/text.hpp"

namespace pg_cutover::validate {

namespace {

// A key can have values of any length. Each is cut, so that those after it are seen.
constexpr int kLongestSample = 200;

std::string Shortened(const std::string& text) {
  const std::string kept = pg::Prefix(text, kLongestSample);
  return kept.size() < text.size() ? kept + "..." : text;
}

}  // namespace

Reader::Reader() {
  heap_.Set("enable_seqscan", "on");
  heap_.SetIndexScans("off");
  // Statements here are many and of a thousand small parts: compiling takes longer than most run.
  for (const char* const setting : {"enable_partition_pruning", "constraint_exclusion", "jit"})
    heap_.Set(setting, "off");
}

pg::Rows Reader::Catalog(std::string_view sql, const std::vector<pg::Argument>& arguments) {
  pg::GucScope indexes;
  indexes.SetIndexScans("on");
  return spi_.Query(sql, arguments);
}

pg::Argument OidArray(const std::vector<Oid>& oids) {
  std::vector<std::string> texts;
  for (const Oid oid : oids)
    texts.push_back(fmt::format("{}", oid));
  return pg::Argument::TextArray(texts);
}

std::vector<Oid> ObjectIds(const pg::Rows& rows) {
  std::vector<Oid> oids;
  for (uint64_t i = 0; i < rows.size(); ++i)
    oids.push_back(rows.ObjectId(i, 1).value());
  return oids;
}

std::string ErrorText(const pg::ErrorInfo& error) {
  return fmt::format("{} (SQLSTATE {})", error.message, pg::SqlStateText(error.sqlstate));
}

void RequireOfTheRows(Reader& reader, Oid table, const pg::Error& error) {
  const int state = error.sqlstate();
  switch (ERRCODE_TO_CATEGORY(state)) {
    case ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES):
    case ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION):
    case ERRCODE_TO_CATEGORY(ERRCODE_SYSTEM_ERROR):
    case ERRCODE_TO_CATEGORY(ERRCODE_T_R_SERIALIZATION_FAILURE):
      throw error;
    default:
      if (state == ERRCODE_DATA_CORRUPTED || state == ERRCODE_INDEX_CORRUPTED) throw error;
  }
  (void)reader.Query(fmt::format("SELECT FROM {} LIMIT 0", FromClause(table)));
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
    parts.push_back(Shortened(rows.Text(i, 1).value_or("NULL")));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string Counted(int64_t number, const char* one, const char* many) {
  if (number == 1 || many == nullptr)
    return fmt::format("{} {}{}", number, one, number == 1 ? "" : "s");
  return fmt::format("{} {}", number, many);
}

}  // namespace pg_cutover::validate
