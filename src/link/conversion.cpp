// Conversions of a value in an analysed expression; see conversion.hpp.
#include "link/conversion.hpp"

namespace pg_cutover::link {

Node* ConvertedOperand(Node* node, Conversions which) {
  switch (nodeTag(node)) {
    case T_RelabelType:
      return reinterpret_cast<Node*>(reinterpret_cast<RelabelType*>(node)->arg);
    case T_CoerceViaIO:
      return reinterpret_cast<Node*>(reinterpret_cast<CoerceViaIO*>(node)->arg);
    case T_CoerceToDomain:
      return reinterpret_cast<Node*>(reinterpret_cast<CoerceToDomain*>(node)->arg);
    case T_ArrayCoerceExpr:
      if (which != Conversions::kAll) return nullptr;
      return reinterpret_cast<Node*>(reinterpret_cast<ArrayCoerceExpr*>(node)->arg);
    case T_FuncExpr: {
      const auto* const call = reinterpret_cast<FuncExpr*>(node);
      if (call->funcformat != COERCE_EXPLICIT_CAST && call->funcformat != COERCE_IMPLICIT_CAST)
        return nullptr;
      if (which != Conversions::kAll && ConvertsLength(node)) return nullptr;
      return static_cast<Node*>(linitial(call->args));
    }
    default:
      return nullptr;
  }
}

bool ConvertsLength(const Node* node) {
  return IsA(node, FuncExpr) && list_length(reinterpret_cast<const FuncExpr*>(node)->args) > 1;
}

}  // namespace pg_cutover::link
