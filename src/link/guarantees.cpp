// What definitions promise about rows; see guarantees.hpp.
#include "link/guarantees.hpp"

#include "link/injective.hpp"
#include "link/tree.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"

namespace pg_cutover::link {

namespace {

constexpr int kSourceNumber = 1;

// Functions of PostgreSQL's own that give a value for every argument.
bool NeverFails(Oid function) {
  switch (function) {
    case F_INT4_INT2:
    case F_INT8_INT2:
    case F_INT8_INT4:
    case F_FLOAT8_FLOAT4:
    case F_FLOAT8_INT2:
    case F_FLOAT8_INT4:
    case F_FLOAT8_INT8:
    case F_NUMERIC_INT2:
    case F_NUMERIC_INT4:
    case F_NUMERIC_INT8:
    case F_TEXT_BPCHAR:
    case F_TEXT_NAME:
    case F_NOW:
    case F_CLOCK_TIMESTAMP:
    case F_STATEMENT_TIMESTAMP:
    case F_TRANSACTION_TIMESTAMP:
    case F_GEN_RANDOM_UUID:
      return true;
    default:
      return false;
  }
}

bool CannotFail(Node* node) {
  switch (nodeTag(node)) {
    case T_Var:
      return reinterpret_cast<Var*>(node)->varattno > 0;
    case T_Const:
    case T_SQLValueFunction:
      return true;
    case T_RelabelType:
      return CannotFail(reinterpret_cast<Node*>(reinterpret_cast<RelabelType*>(node)->arg));
    case T_CoerceViaIO: {
      auto* const conversion = reinterpret_cast<CoerceViaIO*>(node);
      const Oid from = exprType(reinterpret_cast<Node*>(conversion->arg));
      return conversion->resulttype == TEXTOID &&
             (from < FirstNormalObjectId || type_is_enum(from)) &&
             CannotFail(reinterpret_cast<Node*>(conversion->arg));
    }
    case T_FuncExpr: {
      auto* const call = reinterpret_cast<FuncExpr*>(node);
      if (!NeverFails(call->funcid)) return false;
      ListCell* cell = nullptr;
      foreach (cell, call->args)
        if (!CannotFail(static_cast<Node*>(lfirst(cell)))) return false;
      return true;
    }
    default:
      return false;
  }
}

// Of a node that cannot fail. All its functions are strict, and give NULL for NULL alone.
bool NeverNull(Node* node, TupleDesc source) {
  switch (nodeTag(node)) {
    case T_Var:
      return TupleDescAttr(source, reinterpret_cast<Var*>(node)->varattno - 1)->attnotnull;
    case T_Const:
      return !reinterpret_cast<Const*>(node)->constisnull;
    case T_SQLValueFunction:
      return true;
    case T_RelabelType:
      return NeverNull(reinterpret_cast<Node*>(reinterpret_cast<RelabelType*>(node)->arg), source);
    case T_CoerceViaIO:
      return NeverNull(reinterpret_cast<Node*>(reinterpret_cast<CoerceViaIO*>(node)->arg), source);
    case T_FuncExpr: {
      ListCell* cell = nullptr;
      foreach (cell, reinterpret_cast<FuncExpr*>(node)->args)
        if (!NeverNull(static_cast<Node*>(lfirst(cell)), source)) return false;
      return true;
    }
    default:
      return false;
  }
}

bool DependsOnSession(Oid function, void*) {
  if (function >= FirstNormalObjectId) return true;
  return func_volatile(function) == PROVOLATILE_STABLE && !NeverFails(function);
}

bool HasLooseMeaning(Node* node, void* context) {
  if (node == nullptr) return false;
  if (check_functions_in_node(node, DependsOnSession, context)) return true;
  if (IsA(node, CoerceToDomain)) return true;
  return WalkChildren(node, HasLooseMeaning, context);
}

// Definitions of the source as they would read on the target.
class Translation {
 public:
  Translation(const CompiledMapping& mapping, TupleDesc source, TupleDesc target)
      : source_(source), map_(make_attrmap(source->natts)) {
    for (int i = target->natts - 1; i >= 0; --i) {
      const Expr* const value = mapping.values[i];
      if (!mapping.mapped[i] || !IsA(value, Var)) continue;
      const AttrNumber from = reinterpret_cast<const Var*>(value)->varattno;
      const FormData_pg_attribute* const column = TupleDescAttr(source, from - 1);
      if (column->atttypid == TupleDescAttr(target, i)->atttypid &&
          column->attcollation == TupleDescAttr(target, i)->attcollation)
        map_->attnums[from - 1] = static_cast<AttrNumber>(i + 1);
    }
  }

  // nullptr where it uses a column that the target does not have as it is.
  Node* Of(Node* definition) const {
    Bitmapset* used = nullptr;
    pull_varattnos(definition, kSourceNumber, &used);
    for (int column = -1; (column = bms_next_member(used, column)) >= 0;) {
      const int attribute = column + FirstLowInvalidHeapAttributeNumber;
      if (attribute <= 0 || attribute > source_->natts || map_->attnums[attribute - 1] == 0)
        return nullptr;
    }
    bool whole_row = false;
    return map_variable_attnos(definition, kSourceNumber, 0, map_, InvalidOid, &whole_row);
  }

  bool Same(Node* source_definition, Node* target_definition) const {
    Node* const translated = Of(source_definition);
    return translated != nullptr && equal(translated, target_definition);
  }

  bool SameList(List* source_definitions, List* target_definitions) const {
    if (list_length(source_definitions) != list_length(target_definitions)) return false;
    ListCell* a = nullptr;
    ListCell* b = nullptr;
    forboth(a, source_definitions, b,
            target_definitions) if (!Same(static_cast<Node*>(lfirst(a)),
                                          static_cast<Node*>(lfirst(b)))) return false;
    return true;
  }

 private:
  TupleDesc source_;
  AttrMap* map_;
};

bool ValuesFit(const CompiledMapping& mapping, TupleDesc source, TupleDesc target) {
  for (int i = 0; i < target->natts; ++i) {
    const FormData_pg_attribute* const column = TupleDescAttr(target, i);
    if (column->attisdropped) continue;
    if (column->attgenerated != '\0') return false;
    auto* const value = reinterpret_cast<Node*>(mapping.values[i]);
    if (!CannotFail(value)) return false;
    if (column->attnotnull && !NeverNull(value, source)) return false;
  }
  return true;
}

bool ChecksFit(const Translation& translation, TupleDesc source, TupleDesc target) {
  const int count = target->constr == nullptr ? 0 : target->constr->num_check;
  const int available = source->constr == nullptr ? 0 : source->constr->num_check;
  for (int i = 0; i < count; ++i) {
    Node* const wanted = static_cast<Node*>(stringToNode(target->constr->check[i].ccbin));
    bool found = false;
    for (int k = 0; k < available && !found; ++k)
      found = source->constr->check[k].ccvalid &&
              translation.Same(static_cast<Node*>(stringToNode(source->constr->check[k].ccbin)),
                               wanted);
    if (!found) return false;
  }
  return true;
}

// Same columns or expressions and the same predicate: whatever can be computed on one can be
// computed on the other.
bool IndexComputes(const Translation& translation, ::Relation source_index,
                   ::Relation target_index) {
  return translation.SameList(RelationGetIndexExpressions(source_index),
                              RelationGetIndexExpressions(target_index)) &&
         translation.SameList(RelationGetIndexPredicate(source_index),
                              RelationGetIndexPredicate(target_index));
}

// Whether two rows that are equal in the target's index would be equal in the source's.
bool Implies(const CompiledMapping& mapping, const Translation& translation,
             ::Relation source_index, ::Relation target_index) {
  const Form_pg_index from = source_index->rd_index;
  const Form_pg_index to = target_index->rd_index;
  if (!from->indisunique || !from->indisvalid) return false;
  if (to->indnullsnotdistinct && !from->indnullsnotdistinct) return false;
  const bool plain = RelationGetIndexPredicate(source_index) == NIL &&
                     RelationGetIndexExpressions(source_index) == NIL;
  if (!plain && !IndexComputes(translation, source_index, target_index)) return false;
  for (int i = 0; i < from->indnkeyatts; ++i) {
    const AttrNumber column = from->indkey.values[i];
    bool found = column == 0;  // an expression: compared above
    for (int k = 0; k < to->indnkeyatts && !found; ++k) {
      const AttrNumber candidate = to->indkey.values[k];
      if (candidate <= 0 || !mapping.mapped[candidate - 1]) continue;
      found = InjectiveColumn(reinterpret_cast<Node*>(mapping.values[candidate - 1]),
                              target_index->rd_indcollation[k]) == column;
    }
    if (!found) return false;
  }
  return true;
}

struct Indexes {
  std::vector<pg::OpenRelation> open;

  explicit Indexes(::Relation table) {
    const List* const list = pg::Call(RelationGetIndexList, table);
    for (int i = 0; i < list_length(list); ++i)
      open.emplace_back(list_nth_oid(list, i), AccessShareLock);
  }
};

bool LooseIndex(::Relation index) {
  return HasLooseMeaning(reinterpret_cast<Node*>(RelationGetIndexExpressions(index)), nullptr) ||
         HasLooseMeaning(reinterpret_cast<Node*>(RelationGetIndexPredicate(index)), nullptr);
}

bool LooseTable(const CompiledMapping& mapping, TupleDesc target) {
  if (mapping.filter != nullptr &&
      HasLooseMeaning(reinterpret_cast<Node*>(mapping.filter->expr), nullptr))
    return true;
  for (int i = 0; i < target->natts; ++i) {
    if (TupleDescAttr(target, i)->attgenerated != '\0') return true;
    if (HasLooseMeaning(reinterpret_cast<Node*>(mapping.values[i]), nullptr)) return true;
  }
  for (int i = 0; target->constr != nullptr && i < target->constr->num_check; ++i)
    if (HasLooseMeaning(static_cast<Node*>(stringToNode(target->constr->check[i].ccbin)), nullptr))
      return true;
  return false;
}

}  // namespace

Guarantees Examine(const CompiledMapping& mapping, ::Relation source, ::Relation target,
                   Oid key_index) {
  Guarantees promised;
  promised.implied = pg::Section([=] { return list_make1_oid(key_index); });
  if (target->rd_rel->relkind == RELKIND_PARTITIONED_TABLE) return promised;

  const TupleDesc from = RelationGetDescr(source);
  const TupleDesc to = RelationGetDescr(target);
  const Translation* const translation = pg::Section([&] {
    return static_cast<const Translation*>(new (palloc(sizeof(Translation)))
                                               Translation(mapping, from, to));
  });
  promised.fixed_meaning = !pg::Section([&] { return LooseTable(mapping, to); });
  // An error of the filter is an error of the writer's statement as one of the mapping is.
  promised.rows_fit = pg::Section([&] {
    return ValuesFit(mapping, from, to) && ChecksFit(*translation, from, to) &&
           (mapping.filter == nullptr || CannotFail(reinterpret_cast<Node*>(mapping.filter->expr)));
  });

  const Indexes source_indexes(source);
  for (const pg::OpenRelation& index : Indexes(target).open) {
    const Oid oid = RelationGetRelid(index.get());
    const bool computes = pg::Section([&] {
      return RelationGetIndexExpressions(index.get()) == NIL &&
             RelationGetIndexPredicate(index.get()) == NIL;
    });
    if (!computes && pg::Section([&] { return LooseIndex(index.get()); }))
      promised.fixed_meaning = false;
    bool known = computes;
    bool implied = oid == key_index;
    for (const pg::OpenRelation& candidate : source_indexes.open) {
      // A partition's own index says nothing about rows of other partitions.
      if (source->rd_rel->relispartition && !candidate->rd_rel->relispartition) continue;
      known = known || pg::Section([&] {
                return IndexComputes(*translation, candidate.get(), index.get());
              });
      implied = implied || pg::Section([&] {
                  return Implies(mapping, *translation, candidate.get(), index.get());
                });
    }
    if (!known) promised.rows_fit = false;
    if (!index->rd_index->indisunique || oid == key_index) continue;
    if (!implied)
      promised.rows_fit = false;
    else
      promised.implied = pg::Call(lappend_oid, promised.implied, oid);
  }
  return promised;
}

}  // namespace pg_cutover::link
