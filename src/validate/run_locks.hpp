// Locks on what the checks of a run read, taken before its snapshot.
//
// A snapshot does not protect from DDL. TRUNCATE, an ALTER TABLE that rewrites and REFRESH put the
// rows of a table into new storage, as rows that came after every snapshot there is: read under an
// older one the table is empty, and any check of its rows would pass. Whoever holds the lock before
// the snapshot is taken never sees that.
#pragma once

#include <optional>
#include <string>

#include "catalog/validation_rows.hpp"
#include "validate/spec.hpp"

namespace pg_cutover::validate {

// Takes AccessShareLock, to the end of the transaction, on the relations of the check, their
// partitions and what views are made of; on the other side of foreign keys; on what the SQL of the
// spec and of a link reads. Waits as any reader does. Raises what the check itself would raise for
// SQL that cannot be planned. Call in the check's scope (roles.hpp).
void LockRelations(const catalog::CheckRow& check, const Spec& spec);

// What the active snapshot cannot be trusted with: tables that this transaction has locked whose
// storage is newer. The locks above leave nothing to a snapshot taken after them but what a
// function reads; a transaction above READ COMMITTED has had its snapshot since before the locks.
std::optional<std::string> NewerStorage();

}  // namespace pg_cutover::validate
