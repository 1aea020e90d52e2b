/* The copy and dual-write protocol of pg_cutover as a model that Spin searches to the end. It is documentation
 * that runs: each step is one critical section of the real thing, and each rule of the protocol can be
 * broken (MUTANT) to see what it is there for. README.md has the tables of configurations and mutants.
 *
 * WHAT IS MODELLED
 *   Two tables, SRC (0) and DST (1), as sets of row versions with xmin and xmax. One atomic step is one critical
 *   section: of Ls, the content lock of the page of a source version, or of Ld, the content lock of the leaf of
 *   DST's key index where a key lives. Anything may happen between two steps, so the order in which a
 *   process takes Ls and Ld is the order of its steps:
 *     writer   Ls exclusive: sets xmax .. end of the statement .. Ld share: probes .. Ld exclusive: inserts
 *     copier   Ls share: pre-check .. Ld exclusive: entry .. all rows of the batch .. Ls share: re-check
 *   Writers (statement.pml, writer.pml): transactions of several statements that insert, update and delete, one row
 *     or two in either order; key moves; two keys exchanged in one statement (a deferrable key); rows that
 *     enter and leave the filter; AFTER ROW events that fire at the end of the statement; a trigger of the
 *     application that writes again before ours sees the event; a savepoint with rollback; aborts; ids
 *     older than X0 that write late. Writers of one row wait for each other as in PostgreSQL; of a cycle, the
 *     one that closes it aborts.
 *   Trigger (trigger.pml), state based: the OLD key is looked up under SnapshotSelf, the NEW version mirrored only
 *     if this transaction has not superseded it. SET probes dirty, waits for what is in progress, and
 *     inserts with the key index as arbiter.
 *   Copiers (copier.pml): snapshot, pre-check, insert and entry (a conflict marks the row and does not wait; the
 *     entry is made all the same, as with UNIQUE_CHECK_PARTIAL), re-check, take back; deferred list and cursor
 *     in the same transaction. Copier 0 retries the list between batches and after them. As in src/copy, a
 *     retry probes DST first and takes its rows one by one, and a batch does not probe, since the entry finds
 *     out; with PROBE a batch probes as well, with ONEBYONE it takes its rows one by one. A copier
 *     crashes before any step and is resumed from what it had committed. With OVERLAP all copy all ranges.
 *   T0, swap and readers (others.pml): lock, X0, trigger and commit with writers about; a swap that waits for
 *     old snapshots, takes both locks and exchanges tables and triggers, so that the reverse mirror runs from then
 *     on; swapping back; a REPEATABLE READ reader with a snapshot from before.
 *
 * WHAT HOLDS: assertions, and the absence of invalid end states
 *   P1  In every committed state DST is a subset of f(SRC), and has no key twice.
 *   P2  From when the copy is done and the list is empty, DST = f(SRC) in every committed state. After the
 *       swap this says that the reverse mirror keeps the old table equal.
 *   P3  No copier waits for a transaction. (The mutants that wait are let off, so that P4 has to catch them.)
 *   P4  No deadlock involves a copier, and no process is stuck for good.
 *   P5  A writer waits in DST for copiers only: the mirror adds no deadlock between writers.
 *   P6  A snapshot from before the swap sees the live table complete.
 *   P7  (LIVE) Under weak fairness all writers end and the copy is done, however often rows are retried.
 *
 * WHAT IS ABSTRACTED
 *   When a transaction ends, its outcome is folded into the versions, and what nobody can see any more
 *   goes at once unless a running batch holds it: VACUUM at its most eager, with TIDs used again. S
 *   is the set of versions that it sees, fixed when it is taken; it is held up to the commit, where src/copy
 *   releases it after the re-check, when no source version is looked at any more. Taking back and
 *   committing are one step: until the commit others meet the entry as one in progress either way.
 *   Where a key has a committed row in DST and a conflicting entry of a copier, the writer meets either.
 *   What a writer looks up in SRC is its own, so it is one step with what follows. f maps keys to themselves
 *   and drops values from FILTERED on. Values name the write that made them. A row that a statement waited for
 *   is found again by its key. Writers are alike, so they begin in the order of their numbers.
 *
 * WHAT IS NOT MODELLED
 *   MultiXacts and row locks, HOT, hint bits, TOAST, TRUNCATE, rewrites and other DDL, partition routing (a
 *   key of DST that changes while SRC's does not), other unique indexes, a probe that misses a row which is updated
 *   meanwhile (one writer owns a key at a time), serialisation failures (aborts like any other), columns that one
 *   of the shapes lacks, lock_timeout (waiting for ever finds more), a crash of the whole server (all
 *   transactions abort, and WAL keeps rows, list and cursor of a batch together).
 *
 * CONFIGURATION (-D, see `run`)
 *   WRITERS, TXNS (of each writer), STATEMENTS (of each transaction), COPIERS, KEYS, PRESENT (keys in SRC at first),
 *   RANGES, SLOTS (versions that a table has room for; an assertion fails where they do not suffice); switches MULTI,
 *   MOVES, SWAPS, NESTED, SAVEPOINTS, ABORTS, FILTER, OLDXIDS, ONEBYONE, PROBE, OVERLAP, INSTALL, READER, LIVE; CRASHES
 *   and SWAP (how many), MUTANT and WITNESS (which).
 */

#ifndef WRITERS
#define WRITERS 1
#endif
#ifndef TXNS
#define TXNS 1
#endif
#ifndef STATEMENTS
#define STATEMENTS 1
#endif
#ifndef COPIERS
#define COPIERS 1
#endif
#ifndef KEYS
#define KEYS 2
#endif
#ifndef PRESENT
#define PRESENT KEYS
#endif
#ifndef RANGES
#define RANGES 1
#endif
#ifndef SLOTS
#define SLOTS 6
#endif
#ifndef MULTI
#define MULTI 0
#endif
#ifndef MOVES
#define MOVES 0
#endif
#ifndef SWAPS
#define SWAPS 0
#endif
#ifndef NESTED
#define NESTED 0
#endif
#ifndef SAVEPOINTS
#define SAVEPOINTS 0
#endif
#ifndef ABORTS
#define ABORTS 0
#endif
#ifndef FILTER
#define FILTER 0
#endif
#ifndef OLDXIDS
#define OLDXIDS 0
#endif
#ifndef ONEBYONE
#define ONEBYONE 0
#endif
#ifndef PROBE
#define PROBE 0
#endif
#ifndef OVERLAP
#define OVERLAP 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef INSTALL
#define INSTALL 0
#endif
#ifndef SWAP
#define SWAP 0
#endif
#ifndef READER
#define READER 0
#endif
#ifndef LIVE
#define LIVE 0
#endif
#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef WITNESS
#define WITNESS 0
#endif

/* Mutants that are not numbered in the protocol's table. */
#define CURSOR_FIRST 21    /* the cursor is saved before the batch commits */
#define SWAP_IN_TWO 22     /* the forward trigger is dropped in a transaction of its own before the swap */
#define SWAP_AT_ONCE 23    /* the swap does not wait for old snapshots */
#define NO_PRECHECK 24     /* retries insert without looking first */
#define MIRROR_FIRST 25    /* the swap locks the mirror before the live table */
#define NO_REVERSE 26     /* the swap creates no reverse trigger */

#define CONFLICT_KEPT 27   /* a row whose key was taken is kept */
#define WAIT_IN_RETRY 28   /* a retry waits for an in-progress key when it inserts, after its pre-check */

#if SWAP && FILTER
#error "the reverse mirror knows no filter"
#endif

/* A place that a configuration has to reach, see `run`: WITNESS makes reaching it an error. */
#define SEEN(n) assert(WITNESS != n)

/* Transaction ids. A writer has one for its transaction and one for its savepoint. 0 is "committed" as
 * an xmin and "none" as an xmax. */
#define Top(w) (1 + 2 * (w))
#define Sub(w) (2 + 2 * (w))
#define Cop(c) (1 + 2 * WRITERS + (c))
#define IsCopier(x) ((x) > 2 * WRITERS)
#define Owner(x) (IsCopier(x) -> ((x) - 1 - WRITERS) : ((x) - 1) / 2)
#define GONE 255 /* as an xmax: deleted and committed, still held by a batch */
#define NONE 255
#define FILTERED 64 /* values from here on are not in f(SRC) */

#define INS 1
#define UPD 2
#define DEL 3
#define MOVE 4
#define EXCHANGE 5

/* Version i of table t is at t * SLOTS + i; key 0 is an empty slot. Its place in SRC is its TID. */
#define ALL (2 * SLOTS)
byte key[ALL];
byte val[ALL];
byte xmin[ALL];
byte xmax[ALL];
bool young[SLOTS]; /* xmin does not precede X0; asked of versions of SRC only */
#if MUTANT == 7 || MUTANT == 8 || MUTANT == 17
byte how[SLOTS]; /* what set the xmax: DEL, UPD or MOVE */
#endif

/* The transaction that a writer, or a copier behind them, waits for. The end of it empties this. */
byte waits[WRITERS + COPIERS];

byte held[COPIERS];      /* source versions of the running batch, as bits */
byte cursor[COPIERS];    /* committed: the next range of this copier */
byte deferred[KEYS + 1]; /* committed: how often a key is on the list */
bool done;               /* all ranges copied, the list empty */
bool crashed[COPIERS];
byte begun;              /* writers that have begun */
byte ended;              /* writers that have ended */

bool trigger = !INSTALL; /* a trigger mirrors the live table */
bool installed = !INSTALL;
bool boundary = !INSTALL; /* X0 was read */
byte live;               /* the table that the application's name means */
#if INSTALL || SWAP
byte locks[WRITERS];     /* bit 0: on the live table, bit 1: on the mirror */
bool barred, mirror_barred; /* a stronger lock on the live table, or the mirror, is held or queued for */
#endif
#if READER
bool reading, partial, older; /* a snapshot is held; it sees DST incomplete; a copier committed since */
#endif

/* Used within one step: `hidden` ones within a d_step, and the others are empty again at its end. */
hidden byte i_, j_, n_, p_;
hidden byte not_subset, not_equal, copier_in_cycle;
byte r_, b_, s_, bad_;
#define Clean() r_ = 0; b_ = 0; s_ = 0; bad_ = 0

#include "versions.pml"
#include "statement.pml"
#include "trigger.pml"
#include "writer.pml"
#include "copier.pml"
#include "others.pml"

init {
  atomic {
    d_step {
      i_ = 0;
      do
      :: i_ < PRESENT -> key[i_] = i_ + 1; val[i_] = 1; i_++
      :: else -> break
      od;
      i_ = 0;
      do
      :: i_ < COPIERS -> cursor[i_] = First(i_); i_++
      :: else -> break
      od;
      s_ = 0
    };
    do
    :: s_ < COPIERS -> run Copier(s_); s_++
    :: else -> break
    od;
    s_ = 0;
    do
    :: s_ < WRITERS -> run Writer(s_); s_++
    :: else -> break
    od;
    Clean();
#if CRASHES
    run Crash();
#endif
#if INSTALL
    run Installer();
#endif
#if SWAP
    run Swapper();
#endif
#if READER
    run Reader();
#endif
  }
}

#if LIVE
ltl ends { <> (done && ended == WRITERS) } /* P7 */
#endif
