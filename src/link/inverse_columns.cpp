// Where the values of the old columns come from; see inverse_columns.hpp.
//
// A new column leads back to an old one when it takes that column through nothing but conversions,
// none of which is known to lose a part of the value, and there is a conversion the other way. One
// that rounds or truncates has a cast back too, but then an update of any other column of the new
// row would write the rounded value over the exact one in the old table, and nobody would hear of
// it; who wants that says so by giving the column's expression.
#include <algorithm>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "link/inverse_columns.hpp"

#include "link/assignment.hpp"
#include "link/conversion.hpp"
#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

// One column of the new table, and what it takes.
struct Taker {
  const FormData_pg_attribute* column = nullptr;
  std::string expression;
  Bitmapset* reads = nullptr;
  // The old column behind conversions only; 0 for any other expression.
  AttrNumber from = InvalidAttrNumber;
  bool loses = false;
};

struct Path {
  AttrNumber from;
  bool loses;
};

bool IsString(Oid type) {
  return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}
bool IsFloat(Oid type) {
  return type == FLOAT4OID || type == FLOAT8OID;
}
bool IsTimestamp(Oid type) {
  return type == TIMESTAMPOID || type == TIMESTAMPTZOID;
}

// PostgreSQL's own casts that map values to fewer values instead of raising an error.
bool Rounds(Oid from, Oid to) {
  if (IsString(from)) return to == NAMEOID || to == CHAROID;
  if (from == INETOID) return to == CIDROID;
  if (from == NUMERICOID) return IsInteger(to) || IsFloat(to) || to == MONEYOID;
  if (IsFloat(from)) return IsInteger(to) || to == NUMERICOID || (from == FLOAT8OID && to != from);
  if (IsInteger(from))
    return to == BOOLOID || (to == FLOAT4OID && from != INT2OID) ||
           (to == FLOAT8OID && from == INT8OID);
  if (IsTimestamp(from)) return to == DATEOID || to == TIMEOID || to == TIMETZOID;
  return (from == TIMETZOID || from == INTERVALOID) && to == TIMEOID;
}

// A conversion to a type's length or precision. Of strings an assignment raises an error where an
// explicit cast truncates, which is the third argument; numbers and times are rounded by both.
bool LengthLoses(const FuncExpr* call) {
  const Oid type = getBaseType(exprType(reinterpret_cast<const Node*>(call)));
  if (type != VARCHAROID && type != BPCHAROID && type != BITOID && type != VARBITOID) return true;
  if (list_length(call->args) < 3) return true;
  const auto* const is_explicit = static_cast<const Const*>(lthird(call->args));
  return !IsA(is_explicit, Const) || DatumGetBool(is_explicit->constvalue);
}

Oid ElementOrSelf(Oid type) {
  const Oid base = getBaseType(type);
  const Oid element = get_base_element_type(base);
  return OidIsValid(element) ? getBaseType(element) : base;
}

// Whether planning drops a length conversion because it changes nothing (numeric(10,2) to
// numeric(12,2)).
bool IsIdle(const FuncExpr* call) {
  const auto* const planned =
      reinterpret_cast<const Node*>(expression_planner(static_cast<Expr*>(copyObjectImpl(call))));
  return !IsA(planned, FuncExpr) ||
         reinterpret_cast<const FuncExpr*>(planned)->funcid != call->funcid;
}

bool ElementsLose(Node* element);

// Of one conversion. For use inside Section kernels. The tree is not planned as a whole: a cast by
// a function in SQL would be inlined and not look like a cast any more.
bool Loses(Node* node, Node* operand) {
  if (IsA(node, ArrayCoerceExpr))
    return ElementsLose(
        reinterpret_cast<Node*>(reinterpret_cast<ArrayCoerceExpr*>(node)->elemexpr));
  if (ConvertsLength(node)) {
    const auto* const call = reinterpret_cast<const FuncExpr*>(node);
    if (!IsIdle(call) && LengthLoses(call)) return true;
  }
  return Rounds(ElementOrSelf(exprType(operand)), ElementOrSelf(exprType(node)));
}

bool ElementsLose(Node* element) {
  while (!IsA(element, CaseTestExpr)) {
    Node* const operand = ConvertedOperand(element, Conversions::kAll);
    if (operand == nullptr || Loses(element, operand)) return true;
    element = operand;
  }
  return false;
}

Path Walk(Node* node) {
  Path result{InvalidAttrNumber, false};
  while (!IsA(node, Var)) {
    Node* const operand = ConvertedOperand(node, Conversions::kAll);
    if (operand == nullptr) return result;
    result.loses |= Loses(node, operand);
    node = operand;
  }
  const auto* const var = reinterpret_cast<Var*>(node);
  if (var->varlevelsup == 0 && var->varattno > 0) result.from = var->varattno;
  return result;
}

Taker Analyse(const catalog::MappedColumn& mapped, ::Relation source, ::Relation target) {
  const Origin origin{fmt::format("mapping of column \"{}\"", mapped.column), mapped.expression};
  const CanonicalSettings settings;
  const char* const name = mapped.column.c_str();
  const AttrNumber number = pg::Section([=] { return get_attnum(RelationGetRelid(target), name); });
  if (number <= 0)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("column \"{}\" of {} is gone", mapped.column,
                          pg::QualifiedName(RelationGetRelid(target))),
              "The link maps it.", "Remove the link and make it again.");
  Taker taker;
  taker.column = TupleDescAttr(RelationGetDescr(target), number - 1);
  taker.expression = mapped.expression;
  Node* const value = AnalyseExpression(origin, ParseExpression(origin), source);
  taker.reads = UsedColumns(value);
  if (ContainsSubquery(value)) return taker;
  Node* const coerced = CoerceToColumn(origin, value, target, number);
  if (coerced == nullptr) return taker;
  const Path path = pg::Section([=] { return Walk(coerced); });
  taker.from = path.from;
  taker.loses = path.loses;
  return taker;
}

bool Reads(const Taker& taker, AttrNumber column) {
  return bms_is_member(column - FirstLowInvalidHeapAttributeNumber, taker.reads) ||
         bms_is_member(-FirstLowInvalidHeapAttributeNumber, taker.reads);
}

enum class Cast { kNone, kAssignment, kExplicit };

struct Back {
  Cast cast;
  Node* value;  // for kExplicit
};

// How a new column becomes the old one. An explicit cast is made without the old column's length,
// be it that of a domain or of an array's elements: the assignment that follows raises an error for
// what is too long instead of cutting it.
Back FindCast(const FormData_pg_attribute* from, const FormData_pg_attribute* to) {
  return pg::Section([=] {
    const auto make_var = [=] {
      return reinterpret_cast<Node*>(
          makeVar(1, from->attnum, from->atttypid, from->atttypmod, from->attcollation, 0));
    };
    ParseState* const state = make_parsestate(nullptr);
    Node* value =
        coerce_to_target_type(state, make_var(), from->atttypid, to->atttypid, to->atttypmod,
                              COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
    if (value != nullptr)
      return Back{contain_volatile_functions(value) ? Cast::kNone : Cast::kAssignment, nullptr};
    if (CastKeepsLastBits(from->atttypid, to->atttypid)) return Back{Cast::kNone, nullptr};
    const Oid type =
        ExplicitCastCuts(to->atttypid, to->atttypmod) ? WithoutLength(to->atttypid) : to->atttypid;
    value = coerce_to_target_type(state, make_var(), from->atttypid, type, -1, COERCION_EXPLICIT,
                                  COERCE_EXPLICIT_CAST, -1);
    if (value == nullptr || contain_volatile_functions(value)) return Back{Cast::kNone, nullptr};
    return Back{Cast::kExplicit, value};
  });
}

bool TypeRefusesNull(Oid type) {
  return pg::Section([=] {
    for (Oid domain = type; get_typtype(domain) == TYPTYPE_DOMAIN;) {
      const HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(domain));
      if (!HeapTupleIsValid(tuple)) return false;
      const auto* const form = reinterpret_cast<const FormData_pg_type*>(GETSTRUCT(tuple));
      const bool refuses = form->typnotnull;
      domain = form->typbasetype;
      ReleaseSysCache(tuple);
      if (refuses) return true;
    }
    return false;
  });
}

class Finder {
 public:
  Finder(std::vector<Taker> takers, ::Relation source, ::Relation target)
      : takers_(std::move(takers)), source_(source), target_(target) {}

  void Find(const FormData_pg_attribute* column) {
    std::vector<const Taker*> bare;
    for (const Taker& taker : takers_)
      if (taker.from == column->attnum) bare.push_back(&taker);
    // The best comes first: the exact value, then the column of the same name.
    std::stable_sort(bare.begin(), bare.end(), [&](const Taker* a, const Taker* b) {
      return Rank(*a, column) < Rank(*b, column);
    });
    std::optional<std::string> obstacle;
    for (const Taker* const taker : bare) {
      std::optional<std::string> problem = Take(*taker, column);
      if (!problem) return;
      if (!obstacle) obstacle = std::move(problem);
    }
    if (!obstacle) obstacle = WithoutTaker(column);
    if (obstacle) result_.obstacles.push_back(*obstacle);
  }

  WayBack Result() { return std::move(result_); }

 private:
  static std::string Name(const FormData_pg_attribute* column) {
    return pg::FromName(column->attname);
  }

  static std::tuple<bool, bool, bool> Rank(const Taker& taker,
                                           const FormData_pg_attribute* column) {
    return {
        taker.loses,
        taker.column->atttypid != column->atttypid || taker.column->atttypmod != column->atttypmod,
        Name(taker.column) != Name(column)};
  }

  // Nullopt: the column is filled. Otherwise why it cannot be, from this one.
  std::optional<std::string> Take(const Taker& taker, const FormData_pg_attribute* column) {
    const std::string old_type = pg::TypeName(column->atttypid, column->atttypmod);
    const std::string new_type = pg::TypeName(taker.column->atttypid, taker.column->atttypmod);
    if (taker.loses)
      return fmt::format(
          "column \"{}\": {} as {} does not keep every {} value of column \"{}\", so it has no "
          "inverse",
          Name(taker.column), taker.expression, new_type, old_type, Name(column));
    const Back back = FindCast(taker.column, column);
    if (back.cast == Cast::kNone)
      return fmt::format("column \"{}\": there is no cast from {} back to {}, for column \"{}\"",
                         Name(taker.column), new_type, old_type, Name(column));
    result_.columns.push_back({Name(column), back.cast == Cast::kExplicit
                                                 ? CanonicalText(back.value, target_)
                                                 : Bare(taker.column)});
    return std::nullopt;
  }

  static std::string Bare(const FormData_pg_attribute* column) {
    const CanonicalSettings settings;
    return "source." + pg::QuoteIdentifier(Name(column));
  }

  std::optional<std::string> WithoutTaker(const FormData_pg_attribute* column) const {
    for (const Taker& taker : takers_)
      if (Reads(taker, column->attnum))
        return fmt::format("column \"{}\": {} has no inverse that gives column \"{}\"",
                           Name(taker.column), taker.expression, Name(column));
    if (column->attidentity != '\0') return std::nullopt;
    if (!column->attnotnull && !TypeRefusesNull(column->atttypid)) return std::nullopt;
    ::Relation const source = source_;
    const AttrNumber number = column->attnum;
    if (pg::Section([=] { return build_column_default(source, number) != nullptr; }))
      return std::nullopt;
    return fmt::format("column \"{}\" is NOT NULL and has no default", Name(column));
  }

  const std::vector<Taker> takers_;
  const ::Relation source_;
  const ::Relation target_;
  WayBack result_;
};

}  // namespace

WayBack FindWayBack(const catalog::LinkRow& link, ::Relation source, ::Relation target,
                    const std::set<std::string>& given) {
  std::vector<Taker> takers;
  for (const catalog::MappedColumn& mapped : link.mapping)
    takers.push_back(Analyse(mapped, source, target));
  Finder finder(std::move(takers), source, target);
  const TupleDesc columns = RelationGetDescr(source);
  for (int i = 0; i < columns->natts; ++i) {
    const FormData_pg_attribute* const column = TupleDescAttr(columns, i);
    if (column->attisdropped || column->attgenerated != '\0') continue;
    if (given.count(pg::FromName(column->attname)) == 0) finder.Find(column);
  }
  return finder.Result();
}

}  // namespace pg_cutover::link
