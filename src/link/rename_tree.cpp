// Column names in a raw statement; see rename_tree.hpp.
#include "link/rename_tree.hpp"

#include <vector>

#include "link/tree.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

// The names that a tree uses, to be read and written after the walk: no C++ object may live in it.
struct NameSlots {
  // Pointers to char* that hold a source column's name.
  List* slots = NIL;
  // Nodes whose first field is the source's own name, as in a whole-row reference.
  const char* table = nullptr;
  const char* new_table = nullptr;
  bool is_trigger = false;
};

void AddSlot(NameSlots* names, char** slot) {
  names->slots = lappend(names->slots, slot);
}

void CollectReference(ColumnRef* reference, NameSlots* names) {
  Node* const first = static_cast<Node*>(linitial(reference->fields));
  if (!IsA(first, String)) return;
  auto* const head = reinterpret_cast<String*>(first);
  if (list_length(reference->fields) == 1) {
    if (!names->is_trigger) AddSlot(names, &head->sval);
    return;
  }
  Node* const second = static_cast<Node*>(lsecond(reference->fields));
  // old.column and new.column in a trigger; table.column or table.* elsewhere.
  if (IsA(second, String)) AddSlot(names, &reinterpret_cast<String*>(second)->sval);
  if (!names->is_trigger && strcmp(head->sval, names->table) == 0)
    head->sval = pstrdup(names->new_table);
}

bool Collect(Node* node, void* argument) {
  if (node == nullptr) return false;
  if (IsA(node, ColumnRef)) {
    CollectReference(reinterpret_cast<ColumnRef*>(node), static_cast<NameSlots*>(argument));
    return false;
  }
  return WalkRawChildren(node, Collect, argument);
}

void CollectElements(List* elements, NameSlots* names) {
  for (int i = 0; i < list_length(elements); ++i) {
    auto* const element = static_cast<IndexElem*>(list_nth(elements, i));
    if (element->name != nullptr)
      AddSlot(names, &element->name);
    else
      Collect(element->expr, names);
  }
}

// A column that changed its type gets the default operator class and collation of the new one.
void ForgetOldType(List* elements, const Lineage& lineage) {
  for (int i = 0; i < list_length(elements); ++i) {
    auto* const element = static_cast<IndexElem*>(list_nth(elements, i));
    if (element->name == nullptr || !lineage.TypeChanged(element->name)) continue;
    element->collation = NIL;
    element->opclass = NIL;
    element->opclassopts = NIL;
  }
}

std::vector<std::string> Rename(const NameSlots& names, const Lineage& lineage) {
  std::vector<std::string> missing;
  for (int i = 0; i < list_length(names.slots); ++i) {
    auto* const slot = static_cast<char**>(list_nth(names.slots, i));
    const std::optional<std::string> name = lineage.NameOf(*slot);
    if (!name) {
      missing.emplace_back(*slot);
      continue;
    }
    const char* const text = name->c_str();
    *slot = pg::Call(pstrdup, text);
  }
  return missing;
}

}  // namespace

std::vector<std::string> RenameIndex(IndexStmt* statement, const Lineage& lineage, Oid source,
                                     Oid shadow) {
  ForgetOldType(statement->indexParams, lineage);
  const NameSlots names = pg::Section([=] {
    NameSlots found;
    found.table = get_rel_name(source);
    found.new_table = get_rel_name(shadow);
    CollectElements(statement->indexParams, &found);
    CollectElements(statement->indexIncludingParams, &found);
    Collect(statement->whereClause, &found);
    return found;
  });
  return Rename(names, lineage);
}

std::vector<std::string> RenameExclusion(Constraint* constraint, const Lineage& lineage, Oid source,
                                         Oid shadow) {
  List* const elements = pg::Section([=] {
    List* list = NIL;
    for (int i = 0; i < list_length(constraint->exclusions); ++i)
      list = lappend(list, linitial(static_cast<List*>(list_nth(constraint->exclusions, i))));
    return list;
  });
  ForgetOldType(elements, lineage);
  const NameSlots names = pg::Section([=] {
    NameSlots found;
    found.table = get_rel_name(source);
    found.new_table = get_rel_name(shadow);
    CollectElements(elements, &found);
    // INCLUDE columns are a list of names.
    for (int i = 0; i < list_length(constraint->including); ++i)
      AddSlot(&found, &static_cast<String*>(list_nth(constraint->including, i))->sval);
    Collect(constraint->where_clause, &found);
    return found;
  });
  return Rename(names, lineage);
}

std::vector<std::string> RenameTrigger(CreateTrigStmt* statement, const Lineage& lineage) {
  const NameSlots names = pg::Section([=] {
    NameSlots found;
    found.is_trigger = true;
    for (int i = 0; i < list_length(statement->columns); ++i)
      AddSlot(&found, &static_cast<String*>(list_nth(statement->columns, i))->sval);
    Collect(statement->whenClause, &found);
    return found;
  });
  return Rename(names, lineage);
}

}  // namespace pg_cutover::link
