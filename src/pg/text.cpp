// Text and names; see text.hpp.
#include <fmt/format.h>

#include "pg/text.hpp"

#include "pg/call.hpp"

namespace pg_cutover::pg {

std::string QuoteIdentifier(std::string_view name) {
  const std::string text(name);
  const char* const bare = text.c_str();
  return Section([=] { return quote_identifier(bare); });
}

std::string QuoteLiteral(std::string_view text) {
  const std::string copy(text);
  const char* const bare = copy.c_str();
  return Section([=] { return quote_literal_cstr(bare); });
}

std::string QualifiedName(Oid relation) {
  const char* const name = Section([=]() -> const char* {
    const char* const bare = get_rel_name(relation);
    if (bare == nullptr) return psprintf("%u", relation);
    const char* const schema = get_namespace_name(get_rel_namespace(relation));
    return quote_qualified_identifier(schema, bare);
  });
  return name;
}

std::string RelationName(Oid relation) {
  const char* const name = Call(get_rel_name, relation);
  return name == nullptr ? std::string() : std::string(name);
}

std::string RoleName(Oid role) {
  const char* const name = Call(GetUserNameFromId, role, true);
  return name == nullptr ? fmt::format("{}", role) : std::string(name);
}

std::string TypeName(Oid type, int32 modifier) {
  return Section([=] { return format_type_with_typemod(type, modifier); });
}

std::string FromText(Datum value) {
  const char* const copy = Section([=] { return TextDatumGetCString(value); });
  return copy;
}

std::string FromName(const NameData& name) { return NameStr(name); }

Datum MakeText(std::string_view text) {
  const char* const data = text.data();
  const auto size = static_cast<int>(text.size());
  return Section([=] { return PointerGetDatum(cstring_to_text_with_len(data, size)); });
}

Datum MakeTextArray(const std::vector<std::string>& values) {
  std::vector<Datum> elements;
  elements.reserve(values.size());
  for (const std::string& value : values) elements.push_back(MakeText(value));
  Datum* const data = elements.data();
  const auto count = static_cast<int>(elements.size());
  return Section([=] {
    return PointerGetDatum(construct_array(data, count, TEXTOID, -1, false, TYPALIGN_INT));
  });
}

std::vector<std::string> TextArrayValues(Datum array) {
  Datum* elements = nullptr;
  int count = 0;
  Section([&] {
    // deconstruct_array refuses null elements itself, with null_value_not_allowed.
    ArrayType* const value = DatumGetArrayTypeP(array);
    deconstruct_array(value, ARR_ELEMTYPE(value) == NAMEOID ? NAMEOID : TEXTOID,
                      ARR_ELEMTYPE(value) == NAMEOID ? NAMEDATALEN : -1, false,
                      ARR_ELEMTYPE(value) == NAMEOID ? TYPALIGN_CHAR : TYPALIGN_INT, &elements,
                      nullptr, &count);
    if (ARR_ELEMTYPE(value) == NAMEOID)
      for (int i = 0; i < count; ++i)
        elements[i] = CStringGetTextDatum(NameStr(*DatumGetName(elements[i])));
  });
  std::vector<std::string> values;
  values.reserve(count);
  for (int i = 0; i < count; ++i) values.push_back(FromText(elements[i]));
  return values;
}

std::vector<std::pair<std::string, std::optional<std::string>>> ObjectEntries(
    Datum jsonb, std::string_view what) {
  struct Entry {
    const char* key;
    const char* value;
    Entry* next;
  };
  bool is_object = false;
  Entry* const first = Section([&]() -> Entry* {
    Jsonb* const document = DatumGetJsonbP(jsonb);
    is_object = JB_ROOT_IS_OBJECT(document);
    if (!is_object) return nullptr;
    Entry* head = nullptr;
    Entry** tail = &head;
    JsonbIterator* iterator = JsonbIteratorInit(&document->root);
    JsonbValue value;
    JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, false);
    while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_KEY) {
      auto* const entry = static_cast<Entry*>(palloc0(sizeof(Entry)));
      entry->key = pnstrdup(value.val.string.val, value.val.string.len);
      (void)JsonbIteratorNext(&iterator, &value, true);
      if (value.type == jbvString)
        entry->value = pnstrdup(value.val.string.val, value.val.string.len);
      else if (value.type != jbvNull) {
        Jsonb* const part = JsonbValueToJsonb(&value);
        entry->value = JsonbToCString(nullptr, &part->root, VARSIZE(part));
      }
      *tail = entry;
      tail = &entry->next;
    }
    return head;
  });
  if (!is_object)
    Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("{} must be a JSON object", what));
  std::vector<std::pair<std::string, std::optional<std::string>>> entries;
  for (const Entry* entry = first; entry != nullptr; entry = entry->next)
    entries.emplace_back(entry->key, entry->value == nullptr
                                         ? std::nullopt
                                         : std::optional<std::string>(entry->value));
  return entries;
}

std::string OutputText(Oid type, Datum value) {
  const char* const text = Section([=] {
    Oid function = InvalidOid;
    bool varlena = false;
    getTypeOutputInfo(type, &function, &varlena);
    return OidOutputFunctionCall(function, value);
  });
  return text;
}

}  // namespace pg_cutover::pg
