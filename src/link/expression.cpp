// SQL expressions over a source row; see expression.hpp.
#include <fmt/format.h>

#include "link/expression.hpp"

#include "link/tree.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

constexpr int kSourceNumber = 1;
constexpr const char* kSourceAlias = "source";

template <class Kernel>
auto Explained(const Origin& origin, Kernel&& kernel) {
  const OriginScope scope(origin);
  return pg::Section(kernel);
}

// What an analysed expression reads and contains.
struct Facts {
  Bitmapset* columns = nullptr;
  int depth = 0;
  bool system_column = false;
  bool row_locks = false;
};

bool CollectFacts(Node* node, void* argument) {
  auto* const facts = static_cast<Facts*>(argument);
  if (node == nullptr) return false;
  if (IsA(node, Var)) {
    const auto* const var = reinterpret_cast<Var*>(node);
    if (var->varno == kSourceNumber && static_cast<int>(var->varlevelsup) == facts->depth) {
      facts->columns =
          bms_add_member(facts->columns, var->varattno - FirstLowInvalidHeapAttributeNumber);
      facts->system_column |= var->varattno < 0;
    }
    return false;
  }
  if (IsA(node, Query)) {
    auto* const query = reinterpret_cast<Query*>(node);
    facts->row_locks |= query->rowMarks != NIL;
    ++facts->depth;
    const bool stop = WalkQuery(query, CollectFacts, argument);
    --facts->depth;
    return stop;
  }
  return WalkChildren(node, CollectFacts, argument);
}

bool IsSubquery(Node* node, void* argument) {
  if (node == nullptr) return false;
  return IsA(node, SubLink) || WalkChildren(node, IsSubquery, argument);
}

bool IsRawSubquery(Node* node, void* argument) {
  if (node == nullptr) return false;
  return IsA(node, SubLink) || WalkRawChildren(node, IsRawSubquery, argument);
}

// For use inside Section kernels.
Node* Transform(ParseState* state, Node* raw, ::Relation source) {
  ParseNamespaceItem* const item = addRangeTableEntryForRelation(
      state, source, AccessShareLock, makeAlias(kSourceAlias, NIL), true, true);
  addNSItemToQuery(state, item, false, true, true);
  Node* const value = transformExpr(state, raw, EXPR_KIND_SELECT_TARGET);
  assign_expr_collations(state, value);
  return value;
}

std::string WithoutTrailingSpace(std::string text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n'))
    text.pop_back();
  return text;
}

std::string Detail(const Origin& origin) {
  return "The expression is: " + WithoutTrailingSpace(origin.text);
}

// Looks at a planned copy as well: planning fills in the defaults of function arguments.
void RefuseVolatile(const Origin& origin, Node* value) {
  const bool is_volatile = Explained(origin, [=] {
    if (contain_volatile_functions(value)) return true;
    if (IsSubquery(value, nullptr)) return false;
    auto* const copy = static_cast<Node*>(copyObjectImpl(value));
    return contain_volatile_functions(
        reinterpret_cast<Node*>(expression_planner(reinterpret_cast<Expr*>(copy))));
  });
  if (is_volatile)
    pg::Raise(
        ERRCODE_INVALID_OBJECT_DEFINITION,
        fmt::format("volatile functions are not allowed in a {}", origin.what), Detail(origin),
        "A row must map to the same target row each time it is looked at. Use expressions over "
        "the source row, or leave the column out so that it takes its default.");
}

}  // namespace

CanonicalSettings::CanonicalSettings() {
  settings_.Set("search_path", "pg_catalog, pg_temp");
  settings_.Set("standard_conforming_strings", "on");
  settings_.Set("transform_null_equals", "off");
  settings_.Set("quote_all_identifiers", "off");
  settings_.Set("extra_float_digits", "3");
  settings_.Set("DateStyle", "ISO, YMD");
  settings_.Set("IntervalStyle", "postgres");
  settings_.Set("TimeZone", "UTC");
  settings_.Set("bytea_output", "hex");
}

Node* ParseExpression(const Origin& origin) {
  const char* const text = origin.text.c_str();
  Node* const expression = Explained(origin, [=]() -> Node* {
    List* const statements = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
    if (list_length(statements) != 1) return nullptr;
    Node* const statement = linitial_node(RawStmt, statements)->stmt;
    if (!IsA(statement, SelectStmt)) return nullptr;
    const auto* const select = reinterpret_cast<SelectStmt*>(statement);
    if (list_length(select->targetList) != 1 || select->distinctClause != NIL ||
        select->fromClause != NIL || select->whereClause != nullptr || select->groupClause != NIL ||
        select->havingClause != nullptr || select->windowClause != NIL ||
        select->sortClause != NIL || select->limitOffset != nullptr ||
        select->limitCount != nullptr || select->lockingClause != NIL ||
        select->withClause != nullptr)
      return nullptr;
    const ResTarget* const column = linitial_node(ResTarget, select->targetList);
    if (column->name != nullptr || column->indirection != NIL) return nullptr;
    // A lone star never reaches the parser's own checks for it.
    if (IsA(column->val, ColumnRef) &&
        IsA(linitial(reinterpret_cast<ColumnRef*>(column->val)->fields), A_Star))
      return nullptr;
    return column->val;
  });
  if (expression == nullptr)
    pg::Raise(ERRCODE_SYNTAX_ERROR, fmt::format("{} is not a single expression", origin.what),
              Detail(origin),
              "Write one SQL expression over the source row, without alias, FROM, WHERE or other "
              "clauses; put a query in parentheses.");
  return expression;
}

Node* AnalyseExpression(const Origin& origin, Node* raw, ::Relation source) {
  struct Outcome {
    Node* value;
    bool aggregate;
    bool window;
    bool set_returning;
    bool system_column;
    bool row_locks;
  };
  const char* const text = origin.text.c_str();
  const Outcome outcome = Explained(origin, [=] {
    ParseState* const state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    Node* const value = Transform(state, raw, source);
    Facts facts;
    CollectFacts(value, &facts);
    return Outcome{value,
                   state->p_hasAggs,
                   state->p_hasWindowFuncs,
                   state->p_hasTargetSRFs,
                   facts.system_column,
                   facts.row_locks};
  });
  if (outcome.aggregate)
    pg::Raise(ERRCODE_GROUPING_ERROR,
              fmt::format("aggregate functions are not allowed in a {}", origin.what),
              Detail(origin), "Map from the columns of one source row.");
  if (outcome.window)
    pg::Raise(ERRCODE_WINDOWING_ERROR,
              fmt::format("window functions are not allowed in a {}", origin.what), Detail(origin),
              "Map from the columns of one source row.");
  if (outcome.set_returning)
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("set-returning functions are not allowed in a {}", origin.what),
              Detail(origin), "One source row makes one target row.");
  if (outcome.system_column)
    pg::Raise(ERRCODE_INVALID_COLUMN_REFERENCE,
              fmt::format("system columns are not allowed in a {}", origin.what), Detail(origin),
              "They change without the row being changed. Use ordinary columns.");
  if (outcome.row_locks)
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("row locks are not allowed in a {}", origin.what), Detail(origin),
              "Leave FOR UPDATE or FOR SHARE out of the subquery.");
  RefuseVolatile(origin, outcome.value);
  return outcome.value;
}

Node* TransformExpression(const Origin& origin, Node* raw, ::Relation source) {
  const char* const text = origin.text.c_str();
  return Explained(origin, [=] {
    ParseState* const state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    return Transform(state, raw, source);
  });
}

Node* CoerceToColumn(const Origin& origin, Node* value, ::Relation target, AttrNumber attribute) {
  const char* const text = origin.text.c_str();
  Node* const coerced = Explained(origin, [=]() -> Node* {
    ParseState* const state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    const FormData_pg_attribute* const column =
        TupleDescAttr(RelationGetDescr(target), attribute - 1);
    auto* const copy = static_cast<Node*>(copyObjectImpl(value));
    Node* const result =
        coerce_to_target_type(state, copy, exprType(copy), column->atttypid, column->atttypmod,
                              COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, exprLocation(copy));
    if (result != nullptr) assign_expr_collations(state, result);
    return result;
  });
  if (coerced != nullptr) RefuseVolatile(origin, coerced);
  return coerced;
}

Node* CoerceToCondition(const Origin& origin, Node* value) {
  const char* const text = origin.text.c_str();
  const char* const what = origin.what.c_str();
  return Explained(origin, [=] {
    ParseState* const state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    Node* const condition = coerce_to_boolean(state, value, what);
    assign_expr_collations(state, condition);
    return condition;
  });
}

std::string CanonicalText(Node* value, ::Relation source) {
  const CanonicalSettings settings;
  return pg::Section([=]() -> const char* {
    const auto* const constant = reinterpret_cast<Const*>(value);
    if (IsA(value, Const) && constant->constisnull && constant->consttype == UNKNOWNOID)
      return "NULL";
    const Oid relation = RelationGetRelid(source);
    const char* const text =
        deparse_expression(value, deparse_context_for(kSourceAlias, relation), true, false);
    const auto* const var = reinterpret_cast<Var*>(value);
    // In a select list a bare whole row would be expanded into its columns.
    if (IsA(value, Var) && var->varattno == InvalidAttrNumber)
      return psprintf("%s::%s", text, format_type_be_qualified(var->vartype));
    return text;
  });
}

Bitmapset* UsedColumns(Node* value) {
  return pg::Section([=] {
    Facts facts;
    CollectFacts(value, &facts);
    return facts.columns;
  });
}

bool ContainsSubquery(Node* analysed) {
  return pg::Section([=] { return IsSubquery(analysed, nullptr); });
}

bool RawContainsSubquery(Node* raw) {
  return pg::Section([=] { return IsRawSubquery(raw, nullptr); });
}

}  // namespace pg_cutover::link
