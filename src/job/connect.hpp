// How a background worker of ours becomes a session.
#pragma once

#include "pg/pg.hpp"

namespace pg_cutover::job {

// Signal handlers and the connection. `role` InvalidOid: the bootstrap superuser. Where the server
// refuses the connection (database or role gone, NOLOGIN), the process ends with exit code 0:
// trying again every few seconds would help nobody.
void ConnectWorker(Oid database, Oid role);

// Without a database: only shared catalogs can be read.
void ConnectLauncher();

// In a transaction. SET ROLE, checked against the rights of the session's role; undoes what the
// role's own default for `role` has set.
void ActAs(Oid role);

}  // namespace pg_cutover::job
