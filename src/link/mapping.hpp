// The one evaluator of a link's mapping: source row in, target row out.
//
// Backfill, capture and comparison all go through it, so that the three can never disagree about
// what a target row should be. Expressions are stored as canonical text (expression.hpp) and
// compiled for each relation that rows come from: the source itself, or a leaf of a partitioned
// one.
//
// Must hold: whoever evaluates pins the settings that stable expressions depend on (TimeZone,
// DateStyle, IntervalStyle, extra_float_digits, search_path); otherwise two sessions would map one
// row differently.
#pragma once

#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

// Plain data in the executor state's query context; valid until that EState is freed.
struct CompiledMapping {
  // nullptr: every row belongs to the target.
  ExprState* filter;
  // Source slot to a row of the (root) target, in a virtual slot: all its attributes, dropped ones
  // NULL, generated ones NULL (the caller computes them), unmapped ones their default. The values
  // point into the source slot and into the context's per-tuple memory.
  ProjectionInfo* projection;
  // Expression context of both; the caller resets its per-tuple memory.
  ExprContext* context;
  // Attribute numbers in the target root, in the order of LinkRow::target_key.
  int key_columns;
  const AttrNumber* target_key;
  // The key's values by themselves, in the same order: for rows of which nothing else may be
  // computed, such as those that the filter leaves out.
  ExprState** key_values;
  // What each attribute of the target is computed from, planned; for those that are not mapped,
  // their default.
  Expr** values;
  // By attribute of the target, from 0: it is mapped. The others are set when a row is made and
  // left alone afterwards. `partial`: there are others besides dropped and generated ones.
  const bool* mapped;
  bool partial;
  // Attribute numbers in this source relation, in the order of LinkRow::source_key. There may be
  // fewer than key_columns (a partition key in the target's key), or none (sources without a key).
  int source_key_columns;
  const AttrNumber* source_key;
  // A source tuple's bytes are a valid target tuple (values in external storage aside: they belong
  // to the source): each target attribute is the source column of the same number,
  // binary-compatible and stored alike; no dropped, generated or missing-value columns on either
  // side. The target's NOT NULL and CHECK constraints are still the caller's to check.
  bool identical;
};

// Compiles for one source relation: the link's source, or a leaf of it. Both relations are open and
// locked; the link's source is locked in AccessShareLock besides. Must be called outside any
// Section. Raises object_not_in_prerequisite_state when the tables no longer fit the link, and
// feature_not_supported for a mapping with subqueries (only the sql method can evaluate those).
CompiledMapping* Compile(const catalog::LinkRow& link, EState* estate, ::Relation source,
                         ::Relation target);

// The column of the source whose bytes an expression takes as they are; 0 for any other expression.
AttrNumber PlainColumn(const Expr* value);

// True when the mapping or the filter contains a subquery.
bool HasSubquery(const catalog::LinkRow& link);

// For INSERT INTO target (TargetColumns) SELECT SelectList FROM source AS source WHERE Condition.
// Assignment casts to the target's types are left to INSERT, which does what Compile does.
std::string TargetColumns(const catalog::LinkRow& link);
std::string SelectList(const catalog::LinkRow& link);
// "true" without a filter.
std::string Condition(const catalog::LinkRow& link);

// For use inside Section kernels: may raise PostgreSQL errors.
inline bool Passes(CompiledMapping* mapping, TupleTableSlot* source_row) {
  if (mapping->filter == nullptr) return true;
  mapping->context->ecxt_scantuple = source_row;
  return ExecQual(mapping->filter, mapping->context);
}

inline TupleTableSlot* Project(CompiledMapping* mapping, TupleTableSlot* source_row) {
  mapping->context->ecxt_scantuple = source_row;
  return ExecProject(mapping->projection);
}

}  // namespace pg_cutover::link
