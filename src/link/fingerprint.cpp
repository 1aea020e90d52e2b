// One number for a table's definition; see fingerprint.hpp.
#include <algorithm>
#include <vector>

#include "core/fingerprint.hpp"

#include "link/fingerprint.hpp"
#include "pg/call.hpp"

namespace pg_cutover::link {

int64_t TableFingerprint(::Relation relation) {
  const TupleDesc columns = RelationGetDescr(relation);
  core::Fingerprint fingerprint;
  fingerprint.AddInteger(relation->rd_rel->relkind)
      .AddInteger(relation->rd_rel->relam)
      .AddInteger(relation->rd_rel->relpersistence)
      .AddInteger(columns->natts);
  for (int i = 0; i < columns->natts; ++i) {
    const FormData_pg_attribute* const column = TupleDescAttr(columns, i);
    fingerprint.Add(NameStr(column->attname))
        .AddInteger(column->atttypid)
        .AddInteger(column->atttypmod)
        .AddInteger(column->attcollation)
        .AddInteger(column->attlen)
        .AddInteger(column->attbyval)
        .AddInteger(column->attalign)
        .AddInteger(column->attnotnull)
        .AddInteger(column->atthasdef)
        .AddInteger(column->atthasmissing)
        .AddInteger(column->attidentity)
        .AddInteger(column->attgenerated)
        .AddInteger(column->attisdropped);
  }
  return static_cast<int64_t>(fingerprint.Value());
}

int64_t TreeFingerprint(::Relation relation) {
  core::Fingerprint fingerprint;
  fingerprint.AddInteger(TableFingerprint(relation));
  if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE) {
    const PartitionDesc partitions = pg::Call(RelationGetPartitionDesc, relation, false);
    std::vector<Oid> members(partitions->oids, partitions->oids + partitions->nparts);
    std::sort(members.begin(), members.end());
    for (const Oid member : members) fingerprint.AddInteger(member);
  }
  return static_cast<int64_t>(fingerprint.Value());
}

}  // namespace pg_cutover::link
