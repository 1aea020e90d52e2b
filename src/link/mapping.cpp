// The one evaluator of a link's mapping; see mapping.hpp.
#include <fmt/format.h>

#include "link/mapping.hpp"

#include "link/expression.hpp"
#include "pg/memory.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

constexpr int kSourceNumber = 1;

// SQLSTATE class 42: what a definition that no longer fits is reported as.
bool IsDefinitionError(int sqlstate) {
  return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION;
}

[[noreturn]] void RaiseStale(const catalog::LinkRow& link, const std::string& detail) {
  const std::string source = pg::QualifiedName(link.source);
  const std::string target = pg::QualifiedName(link.target);
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("{} or {} was changed since it was linked", source, target), detail,
            fmt::format("SELECT migrate_unlink({}, {}), then link them again.",
                        pg::QuoteLiteral(source), pg::QuoteLiteral(target)));
}

// Runs `body`; an error that says that a definition changed becomes ours. Nothing is swallowed: the
// transaction fails either way.
template <class Body>
auto OrStale(const catalog::LinkRow& link, const Origin& origin, Body&& body) {
  std::optional<pg::ErrorInfo> failure;
  try {
    return body();
  } catch (const pg::PgError&) {
    failure = pg::TakeError();
  } catch (const pg::Error& error) {
    failure = error.info();
  }
  if (!IsDefinitionError(failure->sqlstate)) throw pg::Error(std::move(*failure));
  RaiseStale(link, fmt::format("In the {}: {}", origin.what, failure->message));
}

Origin ColumnOrigin(const catalog::MappedColumn& column) {
  return {fmt::format("mapping of column \"{}\"", column.column), column.expression};
}

AttrNumber AttributeOf(::Relation relation, const std::string& name) {
  const char* const text = name.c_str();
  return pg::Section([=] { return get_attnum(RelationGetRelid(relation), text); });
}

// An expression over the link's source as one over `relation`, ready to be executed.
Expr* Prepare(Node* value, ::Relation root, ::Relation relation) {
  return pg::Section([=] {
    Node* mapped = value;
    if (RelationGetRelid(root) != RelationGetRelid(relation))
      mapped = static_cast<Node*>(
          linitial(map_partition_varattnos(list_make1(value), kSourceNumber, relation, root)));
    return expression_planner(reinterpret_cast<Expr*>(mapped));
  });
}

Expr* NullOf(const FormData_pg_attribute* column) {
  return reinterpret_cast<Expr*>(makeConst(column->attisdropped ? INT4OID : column->atttypid,
                                           column->attisdropped ? -1 : column->atttypmod,
                                           column->attisdropped ? InvalidOid : column->attcollation,
                                           column->attisdropped ? sizeof(int32) : column->attlen, 0,
                                           true, column->attisdropped ? true : column->attbyval));
}

// What an unmapped column gets: its default, or a NULL that a domain may still refuse.
Expr* DefaultOf(::Relation target, const FormData_pg_attribute* column) {
  Node* value = build_column_default(target, column->attnum);
  if (value == nullptr)
    value = coerce_to_domain(reinterpret_cast<Node*>(NullOf(column)), InvalidOid, -1,
                             column->atttypid, COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1, false);
  return expression_planner(reinterpret_cast<Expr*>(value));
}

bool SameLayout(TupleDesc source, TupleDesc target, Expr* const* values) {
  if (source->natts != target->natts) return false;
  for (int i = 0; i < target->natts; ++i) {
    const FormData_pg_attribute* const from = TupleDescAttr(source, i);
    const FormData_pg_attribute* const to = TupleDescAttr(target, i);
    if (from->attisdropped || to->attisdropped) return false;
    if (from->atthasmissing || to->atthasmissing) return false;
    if (from->attgenerated != '\0' || to->attgenerated != '\0') return false;
    if (from->attlen != to->attlen || from->attbyval != to->attbyval ||
        from->attalign != to->attalign || from->attstorage != to->attstorage)
      return false;
    if (PlainColumn(values[i]) != i + 1) return false;
  }
  return true;
}

template <class Names>
const AttrNumber* KeyNumbers(const catalog::LinkRow& link, const Names& names,
                             ::Relation relation) {
  auto* const numbers =
      static_cast<AttrNumber*>(pg::Call(palloc, sizeof(AttrNumber) * (names.size() + 1)));
  for (size_t i = 0; i < names.size(); ++i) {
    numbers[i] = AttributeOf(relation, names[i]);
    if (numbers[i] == InvalidAttrNumber)
      RaiseStale(link, fmt::format("Key column \"{}\" of {} is gone.", names[i],
                                   pg::QualifiedName(RelationGetRelid(relation))));
  }
  return numbers;
}

Expr* CompileColumn(const catalog::LinkRow& link, const catalog::MappedColumn& column,
                    AttrNumber attribute, ::Relation root, ::Relation source, ::Relation target) {
  const Origin origin = ColumnOrigin(column);
  return OrStale(link, origin, [&] {
    Node* const value = AnalyseExpression(origin, ParseExpression(origin), root);
    if (ContainsSubquery(value))
      pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
                fmt::format("the {} contains a subquery", origin.what), origin.text,
                "Use method => 'sql'.");
    Node* const coerced = CoerceToColumn(origin, value, target, attribute);
    if (coerced == nullptr)
      RaiseStale(link, fmt::format("The {} no longer has a type that can be assigned: {}",
                                   origin.what, origin.text));
    return Prepare(coerced, root, source);
  });
}

Expr* CompileFilter(const catalog::LinkRow& link, ::Relation root, ::Relation source) {
  if (!link.source_filter) return nullptr;
  const Origin origin{"filter", *link.source_filter};
  return OrStale(link, origin, [&] {
    Node* const value = AnalyseExpression(origin, ParseExpression(origin), root);
    if (ContainsSubquery(value))
      pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED, "the filter contains a subquery", origin.text,
                "Use method => 'sql'.");
    return Prepare(CoerceToCondition(origin, value), root, source);
  });
}

}  // namespace

CompiledMapping* Compile(const catalog::LinkRow& link, EState* estate, ::Relation source,
                         ::Relation target) {
  const pg::MemoryScope memory(estate->es_query_cxt);
  const CanonicalSettings settings;
  const pg::OpenRelation root(link.source, AccessShareLock);
  const TupleDesc columns = RelationGetDescr(target);

  auto* const values = static_cast<Expr**>(pg::Call(palloc0, sizeof(Expr*) * (columns->natts + 1)));
  for (const catalog::MappedColumn& column : link.mapping) {
    const AttrNumber attribute = AttributeOf(target, column.column);
    if (attribute <= 0 || TupleDescAttr(columns, attribute - 1)->attgenerated != '\0')
      RaiseStale(link, fmt::format("Target column \"{}\" is gone or generated.", column.column));
    values[attribute - 1] = CompileColumn(link, column, attribute, root.get(), source, target);
  }
  Expr* const filter = CompileFilter(link, root.get(), source);

  auto* const mapping = static_cast<CompiledMapping*>(pg::Call(palloc0, sizeof(CompiledMapping)));
  mapping->key_columns = static_cast<int>(link.target_key.size());
  mapping->target_key = KeyNumbers(link, link.target_key, target);
  mapping->source_key_columns = static_cast<int>(link.source_key.size());
  mapping->source_key = KeyNumbers(link, link.source_key, source);
  mapping->identical = SameLayout(RelationGetDescr(source), columns, values);
  pg::Section([=] {
    List* entries = NIL;
    auto* const mapped = static_cast<bool*>(palloc0(sizeof(bool) * (columns->natts + 1)));
    mapping->mapped = mapped;
    mapping->values = values;
    for (int i = 0; i < columns->natts; ++i) {
      const FormData_pg_attribute* const column = TupleDescAttr(columns, i);
      const bool absent = column->attisdropped || column->attgenerated != '\0';
      mapped[i] = values[i] != nullptr;
      mapping->partial = mapping->partial || (!mapped[i] && !absent);
      if (!mapped[i]) values[i] = absent ? NullOf(column) : DefaultOf(target, column);
      entries = lappend(entries,
                        makeTargetEntry(values[i], static_cast<AttrNumber>(i + 1), nullptr, false));
    }
    mapping->key_values =
        static_cast<ExprState**>(palloc(sizeof(ExprState*) * (mapping->key_columns + 1)));
    for (int i = 0; i < mapping->key_columns; ++i)
      mapping->key_values[i] = ExecInitExpr(values[mapping->target_key[i] - 1], nullptr);
    mapping->context = CreateExprContext(estate);
    // A copy of the descriptor: the relation cache's own would be pinned until someone unpins it.
    TupleTableSlot* const slot =
        MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(columns), &TTSOpsVirtual);
    mapping->projection =
        ExecBuildProjectionInfo(entries, mapping->context, slot, nullptr, RelationGetDescr(source));
    mapping->filter =
        filter == nullptr ? nullptr : ExecInitQual(make_ands_implicit(filter), nullptr);
  });
  return mapping;
}

AttrNumber PlainColumn(const Expr* value) {
  const Node* node = reinterpret_cast<const Node*>(value);
  while (node != nullptr && IsA(node, RelabelType))
    node = reinterpret_cast<const Node*>(reinterpret_cast<const RelabelType*>(node)->arg);
  if (node == nullptr || !IsA(node, Var)) return InvalidAttrNumber;
  return reinterpret_cast<const Var*>(node)->varattno;
}

bool HasSubquery(const catalog::LinkRow& link) {
  const CanonicalSettings settings;
  if (link.source_filter && RawContainsSubquery(ParseExpression({"filter", *link.source_filter})))
    return true;
  for (const catalog::MappedColumn& column : link.mapping)
    if (RawContainsSubquery(ParseExpression(ColumnOrigin(column)))) return true;
  return false;
}

std::string TargetColumns(const catalog::LinkRow& link) {
  std::string list;
  for (const catalog::MappedColumn& column : link.mapping)
    list += (list.empty() ? "" : ", ") + pg::QuoteIdentifier(column.column);
  return list;
}

std::string SelectList(const catalog::LinkRow& link) {
  std::string list;
  for (const catalog::MappedColumn& column : link.mapping)
    list += (list.empty() ? "" : ", ") + column.expression;
  return list;
}

std::string Condition(const catalog::LinkRow& link) {
  return link.source_filter.value_or("true");
}

}  // namespace pg_cutover::link
