// The check sequences: no value that a sequence gives next is taken.
//
// For each column that an identity, an owned sequence or a default with nextval() fills: the next
// value has to lie beyond all that are there, upwards or downwards as the sequence counts, within
// its bounds, and within what the column can hold. The column is read first: a row that comes in
// between has moved the sequence on. What a default makes of the value (-nextval(), or its text)
// is not worked out: nothing is concluded then.
//
// A partition may have defaults of its own, for rows that are inserted into it directly. No unique
// index reaches beyond one partition without the partition key in it, so they are judged by the
// partition's rows alone.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/check.hpp"

#include "link/tree.hpp"
#include "pg/error.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"

namespace pg_cutover::validate {

namespace {

struct Source {
  Oid table = InvalidOid;
  std::string column;
  Oid type = InvalidOid;
  std::string type_name;
  Oid sequence = InvalidOid;
  std::optional<std::string> computed;  // the default, where it is more than the sequence's value
};

bool IsNumber(Oid type) {
  const Oid base = pg::Call(getBaseType, type);
  return base == INT2OID || base == INT4OID || base == INT8OID || base == NUMERICOID;
}

struct Nextval {
  bool called = false;
  bool plain = false;
  Oid sequence = InvalidOid;  // also InvalidOid: it is looked up by its name with each row
};

// The sequence of nextval('...'::regclass); InvalidOid: `node` is nothing of the kind.
Oid SequenceOf(const Node* node) {
  if (!IsA(node, FuncExpr)) return InvalidOid;
  const auto* const call = reinterpret_cast<const FuncExpr*>(node);
  if (call->funcid != F_NEXTVAL) return InvalidOid;
  const auto* const name = static_cast<const Node*>(linitial(call->args));
  if (!IsA(name, Const) || reinterpret_cast<const Const*>(name)->constisnull) return InvalidOid;
  return DatumGetObjectId(reinterpret_cast<const Const*>(name)->constvalue);
}

bool FindNextval(Node* node, void* found) {
  if (node == nullptr) return false;
  if (IsA(node, FuncExpr) && reinterpret_cast<FuncExpr*>(node)->funcid == F_NEXTVAL) {
    static_cast<Nextval*>(found)->called = true;
    static_cast<Nextval*>(found)->sequence = SequenceOf(node);
    return true;
  }
  return link::WalkChildren(node, FindNextval, found);
}

// Casts among numbers keep the value, or fail where it does not fit. Other ones need not: every
// number but 0 is the same boolean.
const Node* WithoutCasts(const Node* node) {
  for (;;) {
    if (IsA(node, RelabelType)) {
      node = reinterpret_cast<const Node*>(reinterpret_cast<const RelabelType*>(node)->arg);
    } else if (IsA(node, CoerceToDomain)) {
      node = reinterpret_cast<const Node*>(reinterpret_cast<const CoerceToDomain*>(node)->arg);
    } else if (IsA(node, FuncExpr)) {
      const auto* const cast = reinterpret_cast<const FuncExpr*>(node);
      if (cast->funcformat != COERCE_EXPLICIT_CAST && cast->funcformat != COERCE_IMPLICIT_CAST)
        return node;
      if (!IsNumber(cast->funcresulttype)) return node;
      node = static_cast<const Node*>(linitial(cast->args));
    } else {
      return node;
    }
  }
}

Nextval ReadDefault(const std::string& tree) {
  const char* const text = tree.c_str();
  Node* const expression = static_cast<Node*>(pg::Call(stringToNode, text));
  Nextval found;
  pg::Section([&] { (void)FindNextval(expression, &found); });
  found.plain = OidIsValid(SequenceOf(WithoutCasts(expression)));
  return found;
}

// Owned and identity sequences depend on the column, which has them even where its default has
// another.
constexpr const char* kSources =
    "SELECT a.attname::text, a.atttypid, format_type(a.atttypid, a.atttypmod), s.tree, s.text, "
    "       s.sequence "
    "  FROM (SELECT f.adnum AS attnum, f.adbin::text AS tree, "
    "               pg_get_expr(f.adbin, f.adrelid) AS text, NULL::oid AS sequence "
    "          FROM pg_attrdef f WHERE f.adrelid = $1 "
    "        UNION ALL "
    "        SELECT d.refobjsubid, NULL, NULL, d.objid FROM pg_depend d "
    "          JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S' "
    "         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass "
    "           AND d.refobjid = $1 AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')) AS s "
    "  JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = s.attnum "
    " ORDER BY a.attnum, s.sequence NULLS FIRST";

bool Fills(const std::vector<Source>& sources, const std::string& column, Oid sequence) {
  for (const Source& source : sources)
    if (source.column == column && source.sequence == sequence) return true;
  return false;
}

bool HasSame(const std::vector<Source>& sources, const Source& sought) {
  for (const Source& source : sources)
    if (source.column == sought.column && source.sequence == sought.sequence &&
        source.computed == sought.computed)
      return true;
  return false;
}

std::vector<Source> SourcesOf(Reader& reader, Oid table) {
  const pg::Rows rows = reader.Catalog(kSources, {pg::Argument::RegClass(table)});
  std::vector<Source> sources;
  for (uint64_t i = 0; i < rows.size(); ++i) {
    Source source{table,
                  rows.Text(i, 1).value(),
                  rows.ObjectId(i, 2).value(),
                  rows.Text(i, 3).value(),
                  rows.ObjectId(i, 6).value_or(InvalidOid),
                  {}};
    if (const std::optional<std::string> tree = rows.Text(i, 4)) {
      const Nextval found = ReadDefault(*tree);
      if (!found.called) continue;
      source.sequence = found.sequence;
      if (!found.plain) source.computed = rows.Text(i, 5).value();
    }
    if (!Fills(sources, source.column, source.sequence)) sources.push_back(std::move(source));
  }
  return sources;
}

// Of partitions what they do not have from the table: CREATE TABLE ... PARTITION OF copies
// defaults.
std::vector<Source> SourcesOfTree(Reader& reader, Oid relation) {
  std::vector<Source> sources = SourcesOf(reader, relation);
  const std::vector<Source> inherited = sources;
  const pg::Rows partitions = reader.Catalog(
      "SELECT relid::oid FROM pg_partition_tree($1) WHERE relid <> $1 ORDER BY level, relid",
      {pg::Argument::RegClass(relation)});
  for (uint64_t i = 0; i < partitions.size(); ++i)
    for (Source& source : SourcesOf(reader, partitions.ObjectId(i, 1).value()))
      if (!HasSame(inherited, source)) sources.push_back(std::move(source));
  return sources;
}

// Why the column cannot take the value, as an INSERT would say it; a domain's conditions count.
std::optional<std::string> Misfit(Reader& reader, const Source& source, const std::string& value) {
  bool same = false;
  const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
    same = reader
               .Query(fmt::format("SELECT CAST($1::numeric AS {})::numeric = $1::numeric",
                                  source.type_name),
                      {pg::Argument::Text(value)})
               .Bool(0, 1)
               .value_or(false);
  });
  if (!failure) return same ? std::nullopt : std::optional<std::string>("the type rounds it");
  const int category = ERRCODE_TO_CATEGORY(failure->sqlstate());
  if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
    throw *failure;
  return failure->info().message;
}

struct Outlook {
  Status status = Status::kPass;
  std::string details;
};

Outlook Judge(Reader& reader, Oid relation, const Source& source) {
  const std::string column =
      source.table == relation
          ? source.column
          : fmt::format("{} of {}", source.column, pg::QualifiedName(source.table));
  const std::string name =
      OidIsValid(source.sequence) ? pg::QualifiedName(source.sequence) : "a sequence";
  if (!IsNumber(source.type))
    return {Status::kInconclusive, fmt::format("{} fills {}, which is not a number", name, column)};
  if (source.computed)
    return {Status::kInconclusive,
            fmt::format("{} fills {}, but not with its plain value: the default is {}", name,
                        column, *source.computed)};
  const pg::Rows definition =
      reader.Catalog("SELECT seqincrement > 0, seqcycle FROM pg_sequence WHERE seqrelid = $1",
                     {pg::Argument::RegClass(source.sequence)});
  // nextval() of a table is accepted as a default, and fails when it is called.
  if (definition.empty())
    return {Status::kInconclusive, fmt::format("{} fills {}, and is no sequence", name, column)};
  const bool upwards = definition.Bool(0, 1).value();
  const bool cycles = definition.Bool(0, 2).value();
  const std::optional<std::string> furthest =
      reader
          .Query(fmt::format("SELECT {}({})::numeric FROM {}", upwards ? "max" : "min",
                             pg::QuoteIdentifier(source.column), FromClause(source.table)))
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
    return {Status::kFail, fmt::format("{} has no value left for {}", name, column)};
  const std::string facts =
      fmt::format("{} gives {} next, the {} in {} is {}", name, value,
                  upwards ? "largest" : "smallest", column, furthest.value_or("none"));
  if (within)
    if (const std::optional<std::string> misfit = Misfit(reader, source, value))
      return {Status::kFail,
              fmt::format("{}, which does not fit {}: {}", facts, source.type_name, *misfit)};
  if (within && beyond) return {Status::kPass, facts};
  if (cycles) return {Status::kInconclusive, facts + ", and it cycles"};
  return {Status::kFail, facts};
}

}  // namespace

Finding Sequences(const Spec& spec) {
  Reader reader;
  Finding finding{Status::kPass, {}};
  std::vector<std::string> details;
  for (const Source& source : SourcesOfTree(reader, spec.source())) {
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
