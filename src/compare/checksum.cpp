// The checksum of a relation; see checksum.hpp.
//
// The rows' hashes, summed by the sketch aggregate under a seed that never changes, so that
// checksums of different days and servers can be compared. Names of columns do not enter, their
// order does.
#define XXH_INLINE_ALL 1
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>

#include "compare/checksum.hpp"
#include "compare/sides.hpp"
#include "compare/sketch_state.hpp"
#include "compare/statements.hpp"
#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

constexpr int64_t kSeed = 0x6d6967726174;

std::vector<std::string> AllColumns(TupleDesc descriptor) {
  std::vector<std::string> names;
  for (int i = 0; i < descriptor->natts; ++i)
    if (!TupleDescAttr(descriptor, i)->attisdropped)
      names.push_back(pg::FromName(TupleDescAttr(descriptor, i)->attname));
  std::sort(names.begin(), names.end());
  return names;
}

void RequireColumns(const std::vector<std::string>& names, ::Relation relation) {
  const std::vector<std::string> known = AllColumns(RelationGetDescr(relation));
  const std::string table = pg::QualifiedName(RelationGetRelid(relation));
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (!std::binary_search(known.begin(), known.end(), *name))
      pg::Raise(ERRCODE_UNDEFINED_COLUMN, fmt::format("{} has no column \"{}\"", table, *name),
                fmt::format("Its columns are: {}.", fmt::join(known, ", ")));
    if (std::find(names.begin(), name, *name) != name)
      pg::Raise(ERRCODE_DUPLICATE_COLUMN, fmt::format("column \"{}\" is named twice", *name));
  }
}

std::vector<std::string> ColumnsOf(const ChecksumRequest& request, ::Relation relation) {
  if (request.columns) RequireColumns(*request.columns, relation);
  std::vector<std::string> names =
      request.columns ? *request.columns : AllColumns(RelationGetDescr(relation));
  if (names.empty())
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "there are no columns to compare", {},
              "Name at least one column of " + pg::QualifiedName(RelationGetRelid(relation)) +
                  ", or leave columns out to take all of them.");
  return names;
}

// Checksums are kept and compared between servers: how RowArguments groups the columns of a wide
// table is a part of their value.
std::string Arguments(const std::vector<std::string>& names) {
  std::vector<std::string> columns;
  for (const std::string& name : names)
    columns.push_back("source." + pg::QuoteIdentifier(name));
  return RowArguments(columns);
}

std::string Condition(const ChecksumRequest& request, ::Relation relation) {
  if (!request.filter) return {};
  const link::Origin origin{"filter", *request.filter};
  Node* const value = link::AnalyseExpression(origin, link::ParseExpression(origin), relation);
  return " WHERE " + link::CanonicalText(link::CoerceToCondition(origin, value), relation);
}

RelationChecksum Digest(const core::SketchTotals& totals) {
  const uint64_t words[] = {totals.rows, totals.low, totals.high};
  const XXH128_hash_t hash = XXH3_128bits(words, sizeof words);
  return {totals.rows, fmt::format("{:016x}{:016x}", hash.high64, hash.low64)};
}

}  // namespace

RelationChecksum ChecksumOf(const ChecksumRequest& request) {
  const pg::OpenRelation relation(request.relation, AccessShareLock);
  RequireRows(request.relation);
  const std::string columns = Arguments(ColumnsOf(request, relation.get()));
  const std::string condition = Condition(request, relation.get());
  // The condition is canonical text, and is read under the settings it was written under.
  const link::CanonicalSettings canonical;
  pg::GucScope settings;
  // Hidden rows would make a checksum of something else.
  settings.Set("row_security", "off");
  settings.Set("jit", "off");
  pg::Spi spi;
  const pg::Rows rows =
      spi.Query(fmt::format("SELECT {}({}::bigint, 0, {}) FROM {} AS source{}", request.aggregate,
                            kSeed, columns, pg::QualifiedName(request.relation), condition));
  bool null = false;
  const Datum sketch = rows.Value(0, 1, &null);
  if (null) return Digest({});
  return Digest(core::TotalsOf(StateOf(SketchFrom(sketch, "the result of migrate_sketch"))));
}

}  // namespace pg_cutover::compare
