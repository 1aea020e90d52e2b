// Whether a mapping keeps different keys different; see injective.hpp.
#include "link/injective.hpp"

#include "link/conversion.hpp"
#include "pg/call.hpp"

namespace pg_cutover::link {

namespace {

bool IsText(Oid type) {
  return type == TEXTOID || type == VARCHAROID;
}

// Conversions of PostgreSQL's own that never map two values that differ to ones that are equal. An
// overflow is an error, so narrowing an integer is among them; rounding and truncating are not.
bool KeepsDifferent(Oid from, Oid to) {
  if (from == to) return true;
  if (IsInteger(from)) return IsInteger(to) || to == NUMERICOID || IsText(to);
  if (IsText(from)) return IsText(to) || type_is_enum(to);
  if (from == BPCHAROID || from == UUIDOID || from == BOOLOID || from == NAMEOID) return IsText(to);
  if (from == DATEOID) return to == TIMESTAMPOID;
  return type_is_enum(from) && IsText(to);
}

// Only PostgreSQL's own functions are known; a user's cast between the same types may do anything.
bool IsBuiltIn(const Node* node) {
  return !IsA(node, FuncExpr) ||
         reinterpret_cast<const FuncExpr*>(node)->funcid < FirstUnpinnedObjectId;
}

AttrNumber Walk(Node* value, Oid collation) {
  // Planning drops the length conversions that change nothing.
  auto* node =
      reinterpret_cast<Node*>(expression_planner(static_cast<Expr*>(copyObjectImpl(value))));
  if (OidIsValid(collation) && !get_collation_isdeterministic(collation)) return 0;
  while (!IsA(node, Var)) {
    Node* const operand = ConvertedOperand(node, Conversions::kOfWholeValues);
    if (operand == nullptr || !IsBuiltIn(node)) return 0;
    if (!KeepsDifferent(getBaseType(exprType(operand)), getBaseType(exprType(node)))) return 0;
    node = operand;
  }
  const auto* const column = reinterpret_cast<Var*>(node);
  return column->varlevelsup == 0 && column->varattno > 0 ? column->varattno : 0;
}

}  // namespace

AttrNumber InjectiveColumn(Node* value, Oid collation) {
  return pg::Section([=] { return Walk(value, collation); });
}

}  // namespace pg_cutover::link
