// The source's indexes, constraints and foreign keys for a shadow; see retarget.hpp.
#include "core/names.hpp"

#include <fmt/format.h>

#include "link/retarget.hpp"

#include "link/expression.hpp"
#include "link/rename_tree.hpp"
#include "link/utility.hpp"
#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

constexpr const char* kIndexes =
    "SELECT i.indexrelid, coalesce(k.oid, 0::oid), x.relname::text, coalesce(k.contype::text, ''), "
    "  CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' "
    "       WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END, i.indisunique "
    "FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid "
    "LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid "
    "  AND k.contype IN ('p', 'u', 'x') "
    "WHERE i.indrelid = $1 AND i.indisvalid AND i.indislive ORDER BY i.indexrelid";

// Longer endings of a name are hashed together with its beginning.
constexpr size_t kLongestSuffix = 40;

bool HasPrimaryKey(Oid table) {
  pg::Spi spi;
  return !spi.Execute("SELECT FROM pg_constraint WHERE conrelid = $1 AND contype = 'p'",
                      {pg::Argument::ObjectId(table)})
              .empty();
}

}  // namespace

Retargeter::Retargeter(Oid source, Oid shadow, const Lineage& lineage)
    : source_(source), shadow_(shadow), lineage_(lineage) {}

// The shadow's name in place of the source's at the front, where it is there, else before the rest.
std::string Retargeter::FreeName(const std::string& source_name) const {
  const std::string source = pg::RelationName(source_);
  const std::string shadow = pg::RelationName(shadow_);
  const Oid schema = pg::Call(get_rel_namespace, shadow_);
  const std::string rest =
      source_name.starts_with(source + "_") ? source_name.substr(source.size()) : "_" + source_name;
  for (int attempt = 1;; ++attempt) {
    const std::string ending = attempt == 1 ? rest : fmt::format("{}_{}", rest, attempt);
    const std::string name = ending.size() > kLongestSuffix ? core::BoundedName(shadow + ending, "")
                                                            : core::BoundedName(shadow, ending);
    const char* const text = name.c_str();
    if (pg::Call(get_relname_relid, text, schema) == InvalidOid) return name;
  }
}

std::vector<Retargeter::SourceIndex> Retargeter::SourceIndexes() const {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kIndexes, {pg::Argument::ObjectId(source_)});
  std::vector<SourceIndex> indexes;
  for (uint64_t row = 0; row < rows.size(); ++row)
    indexes.push_back({rows.ObjectId(row, 1).value(), rows.ObjectId(row, 2).value(),
                       rows.Text(row, 3).value(), rows.Text(row, 4).value(),
                       rows.Text(row, 5).value(), rows.Bool(row, 6).value()});
  return indexes;
}

bool Retargeter::MakeIndex(const SourceIndex& index, const std::string& name) {
  const std::string definition = pg::Call(pg_get_indexdef_string, index.index);
  auto* const statement = reinterpret_cast<IndexStmt*>(ParseStatement(definition));
  if (!RenameIndex(statement, lineage_, source_, shadow_).empty()) return false;
  const char* const text = name.c_str();
  pg::Section([&] {
    statement->idxname = pstrdup(text);
    statement->relation = RangeOf(shadow_);
  });
  RunStatement(reinterpret_cast<Node*>(statement), definition);
  if (index.type != "p" && index.type != "u") return true;
  pg::Spi spi;
  spi.Execute(fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {} USING INDEX {}{}",
                          pg::QualifiedName(shadow_), pg::QuoteIdentifier(name),
                          index.type == "p" ? "PRIMARY KEY" : "UNIQUE", pg::QuoteIdentifier(name),
                          index.deferrable));
  return true;
}

bool Retargeter::MakeExclusion(const SourceIndex& index, const std::string& name) {
  const std::string definition = pg::Call(pg_get_constraintdef_command, index.constraint);
  auto* const statement = reinterpret_cast<AlterTableStmt*>(ParseStatement(definition));
  auto* const constraint =
      reinterpret_cast<Constraint*>(linitial_node(AlterTableCmd, statement->cmds)->def);
  if (!RenameExclusion(constraint, lineage_, source_, shadow_).empty()) return false;
  const char* const text = name.c_str();
  pg::Section([&] {
    constraint->conname = pstrdup(text);
    statement->relation = RangeOf(shadow_);
  });
  RunStatement(reinterpret_cast<Node*>(statement), definition);
  return true;
}

bool Retargeter::Clone(const SourceIndex& index) {
  const std::string name = FreeName(index.name);
  const Origin origin{
      fmt::format("re-creating index \"{}\" for {}", index.name, pg::QualifiedName(shadow_)), ""};
  const OriginScope scope(origin);
  if (!(index.type == "x" ? MakeExclusion(index, name) : MakeIndex(index, name))) return false;
  CopyComments(index, name);
  after_names_[name] = index.name;
  return true;
}

void Retargeter::CopyComments(const SourceIndex& index, const std::string& name) {
  const char* const schema =
      pg::Section([this] { return get_namespace_name(get_rel_namespace(shadow_)); });
  const std::string clone =
      fmt::format("{}.{}", pg::QuoteIdentifier(schema), pg::QuoteIdentifier(name));
  pg::Spi spi;
  const pg::Rows comments =
      spi.Execute("SELECT obj_description($1, 'pg_class'), obj_description($2, 'pg_constraint')",
                  {pg::Argument::ObjectId(index.index), pg::Argument::ObjectId(index.constraint)});
  if (const auto comment = comments.Text(0, 1))
    spi.Execute(fmt::format("COMMENT ON INDEX {} IS {}", clone, pg::QuoteLiteral(*comment)));
  if (const auto comment = comments.Text(0, 2))
    spi.Execute(fmt::format("COMMENT ON CONSTRAINT {} ON {} IS {}", pg::QuoteIdentifier(name),
                            pg::QualifiedName(shadow_), pg::QuoteLiteral(*comment)));
  const pg::Rows targets = spi.Execute(
      "SELECT attnum::integer, attstattarget::integer FROM pg_attribute "
      "WHERE attrelid = $1 AND attstattarget >= 0 ORDER BY attnum",
      {pg::Argument::ObjectId(index.index)});
  for (uint64_t row = 0; row < targets.size(); ++row)
    spi.Execute(fmt::format("ALTER INDEX {} ALTER COLUMN {} SET STATISTICS {}", clone,
                            targets.Int4(row, 1).value(), targets.Int4(row, 2).value()));
}

void Retargeter::CloneKey(Oid source_index) {
  for (const SourceIndex& index : SourceIndexes()) {
    if (index.index != source_index || Clone(index)) continue;
    pg::Raise(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        fmt::format("the alterations drop a column of the key of {}", pg::QualifiedName(source_)),
        fmt::format("The key index is \"{}\".", index.name),
        "Give the new table a key of its own, as in 'ADD PRIMARY KEY (...)'.");
  }
}

void Retargeter::CloneIndexes(Oid except) {
  for (const SourceIndex& index : SourceIndexes()) {
    if (index.index == except) continue;
    if (index.type == "p" && HasPrimaryKey(shadow_)) {
      left_out_.push_back(index.name);
      continue;
    }
    if (index.unique || index.type == "x") {
      if (!Clone(index)) left_out_.push_back(index.name);
      continue;
    }
    // An index that only speeds up reading must not stand in the way of a new type.
    try {
      bool made = false;
      pg::InSubtransaction([&] { made = Clone(index); });
      if (!made) left_out_.push_back(index.name);
    } catch (const pg::Error& error) {
      left_out_.push_back(index.name);
      pg::Warning(fmt::format("index \"{}\" is left out", index.name), error.info().message,
                  "Create one that fits the new columns after the copy.");
    }
  }
}

std::optional<std::string> Retargeter::Columns(
    const std::vector<std::string>& source_columns) const {
  std::string list;
  for (const std::string& column : source_columns) {
    const std::optional<std::string> name = lineage_.NameOf(column);
    if (!name) return std::nullopt;
    list += (list.empty() ? "" : ", ") + pg::QuoteIdentifier(*name);
  }
  return list;
}

}  // namespace pg_cutover::link
