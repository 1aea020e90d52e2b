// The target of a link, written to row by row; see mirror.hpp.
#include "capture/mirror.hpp"

#include "capture/place.hpp"
#include "pg/call.hpp"

namespace pg_cutover::capture {

namespace {

// Values that the source's write left alone and that the target stores out of line stay where they
// are. Only true where the target's row is known to mirror the old version: nobody but this very
// write has touched the row in this transaction.
bool LeftAlone(const Mirror& mirror, const Unchanged& unchanged, AttrNumber target_column) {
  const Expr* const value = mirror.mapping->values[target_column - 1];
  if (unchanged.old_row == nullptr || !IsA(value, Var)) return false;
  const AttrNumber column = reinterpret_cast<const Var*>(value)->varattno;
  if (TupleDescAttr(unchanged.new_row->tts_tupleDescriptor, column - 1)->attlen != -1) return false;
  bool old_null = false;
  bool new_null = false;
  const Datum before = slot_getattr(unchanged.old_row, column, &old_null);
  const Datum after = slot_getattr(unchanged.new_row, column, &new_null);
  if (old_null || new_null) return false;
  const auto* const a = reinterpret_cast<struct varlena*>(DatumGetPointer(before));
  const auto* const b = reinterpret_cast<struct varlena*>(DatumGetPointer(after));
  return VARATT_IS_EXTERNAL_ONDISK(a) && VARATT_IS_EXTERNAL_ONDISK(b) &&
         memcmp(a, b, VARSIZE_EXTERNAL(a)) == 0;
}

bool IsOutOfLine(Datum value) {
  return VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

// Fills into `row` what the row that is there keeps: columns that are not mapped, and values out of
// line that did not change. Returns whether anything else differs from it.
bool KeepFrom(const Mirror& mirror, const Place& place, const Unchanged& unchanged,
              TupleTableSlot* row) {
  const TupleDesc type = row->tts_tupleDescriptor;
  slot_getallattrs(place.found);
  bool differs = false;
  for (int i = 0; i < type->natts; ++i) {
    const FormData_pg_attribute* const column = TupleDescAttr(type, i);
    if (column->attisdropped || column->attgenerated != '\0') continue;
    const AttrNumber in_root = RootColumn(place, static_cast<AttrNumber>(i + 1));
    const bool null = place.found->tts_isnull[i];
    const Datum value = place.found->tts_values[i];
    const bool keep = !mirror.mapping->mapped[in_root - 1] ||
                      (!null && column->attlen == -1 && IsOutOfLine(value) &&
                       LeftAlone(mirror, unchanged, in_root));
    if (keep) {
      row->tts_values[i] = value;
      row->tts_isnull[i] = null;
      continue;
    }
    if (null != row->tts_isnull[i])
      differs = true;
    else if (!null && !datumIsEqual(value, row->tts_values[i], column->attbyval, column->attlen))
      differs = true;
  }
  return differs;
}

void CarryInto(const Mirror& mirror, const Carried& carried, TupleTableSlot* root_row) {
  for (int i = 0; i < mirror.row_type->natts; ++i) {
    const FormData_pg_attribute* const column = TupleDescAttr(mirror.row_type, i);
    if (mirror.mapping->mapped[i] || column->attisdropped || column->attgenerated != '\0') continue;
    root_row->tts_values[i] = carried.values[i];
    root_row->tts_isnull[i] = carried.nulls[i];
  }
}

void CarryFrom(const Mirror& mirror, const Place& place, Carried* carried) {
  const int columns = mirror.row_type->natts;
  carried->values = static_cast<Datum*>(palloc0(sizeof(Datum) * columns));
  carried->nulls = static_cast<bool*>(palloc0(sizeof(bool) * columns));
  memset(carried->nulls, 1, sizeof(bool) * columns);
  carried->present = true;
  slot_getallattrs(place.found);
  for (int i = 0; i < place.found->tts_tupleDescriptor->natts; ++i) {
    const FormData_pg_attribute* const column = TupleDescAttr(place.found->tts_tupleDescriptor, i);
    const AttrNumber in_root = RootColumn(place, static_cast<AttrNumber>(i + 1));
    if (column->attisdropped || in_root <= 0 || mirror.mapping->mapped[in_root - 1] ||
        place.found->tts_isnull[i])
      continue;
    Datum value = place.found->tts_values[i];
    // The row is about to be deleted with its values out of line.
    if (column->attlen == -1)
      value = PointerGetDatum(
          detoast_external_attr(reinterpret_cast<struct varlena*>(DatumGetPointer(value))));
    carried->values[in_root - 1] = datumCopy(value, column->attbyval, column->attlen);
    carried->nulls[in_root - 1] = false;
  }
}

// A row of the mapping in the type of `place`. It lives in the projection's slot, or the place's.
TupleTableSlot* Image(const Mirror& mirror, const Place& place, TupleTableSlot* source_row,
                      const Carried& carried) {
  auto* const mapping = const_cast<link::CompiledMapping*>(mirror.mapping);
  TupleTableSlot* const row = link::Project(mapping, source_row);
  if (carried.present) CarryInto(mirror, carried, row);
  if (place.from_root == nullptr) return row;
  return execute_attr_map_slot(const_cast<AttrMap*>(place.from_root), row, place.converted);
}

// What a row's columns are without a source row. The key stays.
TupleTableSlot* DefaultImage(Mirror* mirror, const Place& place, const Key& key) {
  TupleTableSlot* const row = ExecStoreAllNullTuple(mirror->defaults);
  for (int i = 0; i < mirror->row_type->natts; ++i)
    if (mirror->column_defaults[i] != nullptr)
      row->tts_values[i] = ExecEvalExprSwitchContext(mirror->column_defaults[i],
                                                     mirror->mapping->context, &row->tts_isnull[i]);
  for (int i = 0; i < mirror->mapping->key_columns; ++i) {
    const AttrNumber column = mirror->mapping->target_key[i];
    row->tts_values[column - 1] = key.values[i];
    row->tts_isnull[column - 1] = key.nulls[i];
  }
  if (place.from_root == nullptr) return row;
  return execute_attr_map_slot(const_cast<AttrMap*>(place.from_root), row, place.converted);
}

bool Replace(Mirror* mirror, Place* place, TupleTableSlot* source_row, const Unchanged& unchanged) {
  TupleTableSlot* const row = Image(*mirror, *place, source_row, Carried{});
  if (!KeepFrom(*mirror, *place, unchanged, row)) return true;
  return UpdateFound(mirror->estate, place, row);
}

bool Add(Mirror* mirror, Place* place, TupleTableSlot* source_row, const Carried& carried) {
  if (mirror->mapping->identical && place->from_root == nullptr) {
    ExecCopySlot(mirror->stored, source_row);
    const bool added = Insert(mirror->estate, place, mirror->stored);
    ExecClearTuple(mirror->stored);
    return added;
  }
  return Insert(mirror->estate, place, Image(*mirror, *place, source_row, carried));
}

// Runs `change` on the row under `key`, again where somebody changed it meanwhile: it returns false
// then. Nothing where there is no such row.
template <class Change>
void ChangeFound(Mirror* mirror, const Key& key, Change&& change) {
  Route route;
  Place* const place = FindPlace(mirror, key, &route);
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    const Found found = Probe(mirror, place, key);
    if (found == Found::kAbsent) break;
    if (found == Found::kPresent && change(place)) break;
  }
  ExecClearTuple(place->found);
  LeavePlace(&route);
}

}  // namespace

void KeyOf(const Mirror& mirror, TupleTableSlot* source_row, Key* key) {
  const link::CompiledMapping& mapping = *mirror.mapping;
  mapping.context->ecxt_scantuple = source_row;
  for (int i = 0; i < mapping.key_columns; ++i)
    key->values[i] =
        ExecEvalExprSwitchContext(mapping.key_values[i], mapping.context, &key->nulls[i]);
}

bool SameKey(Mirror* mirror, const Key& a, const Key& b) {
  for (int i = 0; i < mirror->mapping->key_columns; ++i) {
    if (a.nulls[i] || b.nulls[i]) return false;
    ScanKeyData* const probe = &mirror->plain.probe[i];
    if (!DatumGetBool(
            FunctionCall2Coll(&probe->sk_func, probe->sk_collation, a.values[i], b.values[i])))
      return false;
  }
  return true;
}

void SetRow(Mirror* mirror, const Key& key, TupleTableSlot* source_row, Expect expect,
            const Unchanged& unchanged, const Carried& carried) {
  Route route;
  Place* const place = FindPlace(mirror, key, &route);
  for (bool blind = expect == Expect::kNothing;; blind = false) {
    CHECK_FOR_INTERRUPTS();
    if (!blind) {
      const Found found = Probe(mirror, place, key);
      if (found == Found::kInProgress) continue;
      if (found == Found::kPresent) {
        if (Replace(mirror, place, source_row, unchanged)) break;
        continue;
      }
    }
    if (Add(mirror, place, source_row, carried)) break;
  }
  ExecClearTuple(place->found);
  LeavePlace(&route);
}

void SetColumns(Mirror* mirror, const Key& key, TupleTableSlot* source_row) {
  ChangeFound(mirror, key, [&](Place* place) {
    TupleTableSlot* const row = source_row == nullptr
                                    ? DefaultImage(mirror, *place, key)
                                    : Image(*mirror, *place, source_row, Carried{});
    return !KeepFrom(*mirror, *place, Unchanged{}, row) || UpdateFound(mirror->estate, place, row);
  });
}

void SetNone(Mirror* mirror, const Key& key, Carried* carried) {
  ChangeFound(mirror, key, [&](Place* place) {
    if (carried != nullptr && mirror->mapping->partial) CarryFrom(*mirror, *place, carried);
    return DeleteFound(place);
  });
}

}  // namespace pg_cutover::capture
