// Keeps src/core free of PostgreSQL, so that it can be unit-tested alone under sanitizers.
//
// Every core header ends by including this file; every core .cpp defines PG_CUTOVER_CORE first. In
// such a file a PostgreSQL header is an error in either order: included before us it is seen here,
// included after us it trips over the poisoned names. Other layers include std, then core, then
// PostgreSQL, and are not checked. Deliberately without #pragma once: the check runs at the end of
// each header.
#if defined(PG_CUTOVER_CORE)
#if defined(POSTGRES_H) || defined(POSTGRES_FE_H) || defined(C_H)
#error "src/core must not include PostgreSQL headers: put what needs them into src/pg or above"
#endif
#pragma GCC poison ereport elog palloc pfree MemoryContextData sigjmp_buf
#endif
