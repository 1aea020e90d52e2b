// The check sequences: no value that a sequence gives next is taken.
//
// For each column that an identity, an owned sequence or a default with nextval() fills: the next
// value has to lie beyond all that are there, upwards or downwards as the sequence counts, and
// within its bounds. The column is read first: a row that comes in between has moved the sequence
// on.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/check.hpp"

#include "pg/error.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"

namespace pg_cutover::validate {

namespace {

struct Source {
  std::string column;
  Oid sequence = InvalidOid;
  bool number = false;
};

// Owned and identity sequences depend on the column; a default with nextval('...') depends on the
// sequence that it names.
std::vector<Source> SourcesOf(Reader& reader, Oid relation) {
  const pg::Rows rows = reader.Query(
      "SELECT a.attname::text, s.sequence, "
      "       coalesce(nullif(t.typbasetype, 0), t.oid) IN ('int2'::regtype, 'int4'::regtype, "
      "           'int8'::regtype, 'numeric'::regtype) "
      "  FROM (SELECT d.refobjsubid AS attnum, d.objid AS sequence FROM pg_depend d "
      "         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass "
      "           AND d.refobjid = $1 AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') "
      "        UNION "
      "        SELECT f.adnum, d.refobjid FROM pg_attrdef f JOIN pg_depend d "
      "            ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid "
      "           AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> $1 "
      "         WHERE f.adrelid = $1) AS s "
      "  JOIN pg_class c ON c.oid = s.sequence AND c.relkind = 'S' "
      "  JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = s.attnum "
      "  JOIN pg_type t ON t.oid = a.atttypid "
      " ORDER BY a.attnum, s.sequence",
      {pg::Argument::RegClass(relation)});
  std::vector<Source> sources;
  for (uint64_t i = 0; i < rows.size(); ++i)
    sources.push_back(
        {rows.Text(i, 1).value(), rows.ObjectId(i, 2).value(), rows.Bool(i, 3).value()});
  return sources;
}

struct Outlook {
  Status status = Status::kPass;
  std::string details;
};

Outlook Judge(Reader& reader, Oid relation, const Source& source) {
  const std::string name = pg::QualifiedName(source.sequence);
  if (!source.number)
    return {Status::kInconclusive,
            fmt::format("{} fills {}, which is not a number", name, source.column)};
  const pg::Rows definition =
      reader.Query("SELECT seqincrement > 0, seqcycle FROM pg_sequence WHERE seqrelid = $1",
                   {pg::Argument::RegClass(source.sequence)});
  const bool upwards = definition.Bool(0, 1).value();
  const bool cycles = definition.Bool(0, 2).value();
  const std::optional<std::string> furthest =
      reader
          .Query(fmt::format("SELECT {}({})::numeric FROM {}", upwards ? "max" : "min",
                             pg::QuoteIdentifier(source.column), FromClause(relation)))
          .Text(0, 1);
  const pg::Rows next = reader.Query(
      fmt::format("SELECT n.value, n.value BETWEEN s.seqmin AND s.seqmax, "
                  "       coalesce(n.value {} $2::numeric, true) "
                  "  FROM {} AS q, pg_sequence AS s, LATERAL (SELECT q.last_value::numeric + "
                  "       CASE WHEN q.is_called THEN s.seqincrement ELSE 0 END AS value) AS n "
                  " WHERE s.seqrelid = $1",
                  upwards ? ">" : "<", name),
      {pg::Argument::RegClass(source.sequence), pg::Argument::Text(furthest)});
  const std::string value = next.Text(0, 1).value();
  const bool within = next.Bool(0, 2).value();
  const bool beyond = next.Bool(0, 3).value();
  if (!within && !cycles)
    return {Status::kFail, fmt::format("{} has no value left for {}", name, source.column)};
  const std::string facts =
      fmt::format("{} gives {} next, the {} in {} is {}", name, value,
                  upwards ? "largest" : "smallest", source.column, furthest.value_or("none"));
  if (within && beyond) return {Status::kPass, facts};
  if (cycles) return {Status::kInconclusive, facts + ", and it cycles"};
  return {Status::kFail, facts};
}

}  // namespace

Finding Sequences(const Spec& spec) {
  Reader reader;
  Finding finding{Status::kPass, {}};
  std::vector<std::string> details;
  for (const Source& source : SourcesOf(reader, spec.source())) {
    const Outlook outlook = Judge(reader, spec.source(), source);
    details.push_back(outlook.details);
    if (outlook.status == Status::kFail || finding.status == Status::kPass)
      finding.status = outlook.status;
  }
  finding.details = details.empty()
                        ? fmt::format("no column of {} takes its values from a sequence",
                                      pg::QualifiedName(spec.source()))
                        : fmt::format("{}", fmt::join(details, "; "));
  return finding;
}

}  // namespace pg_cutover::validate
