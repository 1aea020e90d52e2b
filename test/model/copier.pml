/* A copier: batches, retries of the deferred list, crash and resume. Part of protocol.pml; the steps are numbered as
 * in src/copy/direct_batch.hpp. */

#define Bit(m, i) (((m) >> (i)) & 1)
#define Range(i) ((i) < KEYS -> (i) * RANGES / KEYS : RANGES - 1)
#if OVERLAP || COPIERS == 1
#define First(c) 0
#define Last(c) RANGES
#else
#define First(c) (c)
#define Last(c) ((c) + 1)
#endif
#if COPIERS == 1
#define AllCopied (cursor[0] == Last(0))
#else
#define AllCopied (cursor[0] == Last(0) && cursor[1] == Last(1))
#endif
#if KEYS == 1
#define Listed (deferred[1] != 0)
#elif KEYS == 2
#define Listed (deferred[1] + deferred[2] != 0)
#else
#define Listed (deferred[1] + deferred[2] + deferred[3] != 0)
#endif

/* s_: the next row of the running step. */
inline NextRow() {
  s_ = 0;
  do
  :: !Bit(todo, s_) -> s_++
  :: else -> break
  od;
  todo = todo & ~(1 << s_)
}

/* Step 2: S, and the rows of the range that S sees and that are older than X0. */
inline TakeRange() {
  i_ = 0;
  do
  :: i_ < SLOTS ->
     if
     :: Visible(i_) && !young[i_] && val[i_] < FILTERED && Range(i_) == cursor[c] -> rows = rows | (1 << i_)
     :: else
     fi;
     i_++
  :: else -> break
  od;
  skip
}

/* The same for the keys on the list. */
inline TakeListed() {
  j_ = 1;
  do
  :: j_ <= KEYS -> taken[j_] = deferred[j_]; j_++
  :: else -> break
  od;
  i_ = 0;
  do
  :: i_ < SLOTS ->
     if
     :: Visible(i_) && !young[i_] && val[i_] < FILTERED && taken[key[i_]] != 0 -> rows = rows | (1 << i_)
     :: else
     fi;
     i_++
  :: else -> break
  od;
  skip
}

/* The steps of a batch. Rows that are copied in bulk go through each step together; a retry takes
 * them one by one; either way all are entered before the first is re-checked. */
#define IDLE 0
#define PROBING 1
#define LOOKING 2
#define LOOKING_AGAIN 3
#define ENTERING 4
#define CHECKING 5
#define COMMITTING 6
#define LISTING 7

#define Drop() group = group & ~(1 << s_)
#define DeferRow() later = later | (1 << s_)

/* Step 3, of row s_ (Ls share): superseded, drop; in progress, defer. */
inline PreCheck() {
  if
  :: xmax[s_] != 0 ->
     Drop();
     if
     :: xmax[s_] != GONE -> DeferRow()
     :: else
     fi
  :: else
  fi;
  skip
}

/* Step 4, of row s_ (Ld exclusive). The entry is made even if it conflicts. */
inline Enter() {
  if
#if MUTANT == 5
  :: b_ != 0 || r_ != NONE
#endif
  :: else ->
     if
     :: (b_ != 0 || r_ != NONE) && MUTANT != CONFLICT_KEPT ->
        bad = bad | (1 << s_);
#if MUTANT == 1 || MUTANT == 2
        DeferRow()
#endif
     :: else
     fi;
     Place(1, key[s_], val[s_], Cop(c));
     claimed = claimed | (1 << s_)
  fi;
  skip
}

/* Step 5, of row s_ (Ls share). */
inline ReCheck() {
  if
#if MUTANT == 7
  :: xmax[s_] != 0 && how[s_] != DEL
#elif MUTANT == 8
  :: xmax[s_] != 0 && how[s_] == UPD
#elif MUTANT == 17
  :: xmax[s_] != 0 && xmax[s_] != GONE && how[s_] == UPD
#endif
  :: else ->
     if
     :: xmax[s_] == GONE -> bad = bad | (1 << s_)
     :: xmax[s_] != GONE && (xmax[s_] != 0 || Bit(bad, s_)) ->
        bad = bad | (1 << s_);
#if MUTANT != 6
        DeferRow()
#endif
     :: else
     fi
  fi;
  skip
}

inline Defer() {
  s_ = 0;
  do
  :: s_ < SLOTS ->
     if
     :: Bit(later, s_) -> assert(deferred[key[s_]] < 8); deferred[key[s_]]++
     :: else
     fi;
     s_++
  :: else -> break
  od;
  skip
}

/* What the copier's process knows of its batch ends with it. */
inline Forget() {
  step = IDLE; rows = 0; group = 0; todo = 0; claimed = 0; bad = 0; later = 0; held[c] = 0; retry = 0;
  j_ = 1;
  do
  :: j_ <= KEYS -> taken[j_] = 0; j_++
  :: else -> break
  od;
  skip
}

/* Step 6: what was bad is taken back; list and cursor are stored; commit. */
inline CommitBatch() {
  s_ = 0;
  do
  :: s_ < SLOTS ->
     if
     :: Bit(bad, s_) ->
        j_ = SLOTS;
        do
        :: j_ < ALL ->
           if
           :: key[j_] == key[s_] && xmin[j_] == Cop(c) -> Empty(j_)
           :: else
           fi;
           j_++
        :: else -> break
        od
     :: else
     fi;
     s_++
  :: else -> break
  od;
  Committed(Cop(c));
  j_ = 1;
  do
  :: j_ <= KEYS -> deferred[j_] = deferred[j_] - taken[j_]; j_++
  :: else -> break
  od;
#if MUTANT != CURSOR_FIRST
  if
  :: !retry -> cursor[c]++
  :: else
  fi;
#endif
#if READER
  older = reading;
#endif
#if MUTANT == 13
  step = LISTING;
#else
  Defer();
  Forget();
#endif
  Sweep();
  Check()
}

inline Advance() {
  do
  :: step == IDLE || step >= COMMITTING || todo != 0 -> break
  :: else ->
     if
     :: step == PROBING -> step = LOOKING; todo = group
     :: step == LOOKING -> step = (MUTANT == 2 -> LOOKING_AGAIN : ENTERING); todo = group
     :: step == LOOKING_AGAIN -> step = ENTERING; todo = group
     :: step == ENTERING && rows != 0 ->
        if
        :: retry || ONEBYONE ->
           todo = rows;
           NextRow();
           group = 1 << s_
        :: else -> group = rows
        fi;
        rows = rows & ~group;
        todo = group;
        step = (retry && MUTANT == NO_PRECHECK -> ENTERING : (retry || PROBE -> PROBING : LOOKING))
     :: step == ENTERING && rows == 0 ->
        group = 0;
        step = CHECKING;
        todo = (MUTANT == 1 || MUTANT == 2 -> 0 : claimed)
     :: step == CHECKING -> step = COMMITTING
     fi
  od;
  skip
}

proctype Copier(byte c) {
  byte step, rows, group, todo, claimed, bad, later, taken[KEYS + 1];
  bool retry, fell;

again:
  {
    do
    :: atomic {
#if MUTANT == 12
         step == IDLE || installed ->
#endif
         waits[WRITERS + c] == 0 ->
         if
         :: step == IDLE ->
            if
            :: (installed || MUTANT == 12) && cursor[c] < Last(c) ->
               d_step {
                 printf("copier %d: takes a snapshot for range %d\n", c, cursor[c]);
                 TakeRange();
#if MUTANT == CURSOR_FIRST
                 cursor[c]++
#endif
               }
            :: c == 0 && Listed ->
               d_step {
                 printf("copier %d: takes a snapshot for the list\n", c);
                 retry = 1;
                 TakeListed()
               }
            :: c == 0 && AllCopied && !Listed ->
               d_step { printf("the copy is done\n"); done = 1; Check(); Clean() };
               SEEN(10);
               break
            :: c != 0 && cursor[c] == Last(c) -> break
            fi;
            d_step { held[c] = rows; step = ENTERING }
         :: step == PROBING ->
            d_step { NextRow(); Probe(1, key[s_], Cop(c), Cop(c)) };
            if
            :: b_ != 0 ->
#if MUTANT == 14
               d_step { todo = todo | (1 << s_); Await(WRITERS + c, b_) }
#else
               SEEN(11);
               d_step { DeferRow(); Drop() }
#endif
            :: b_ == 0 && r_ != NONE -> SEEN(12); Drop()
            :: else
            fi
         :: step == LOOKING ->
            d_step { NextRow(); PreCheck() };
            printf("copier %d: looks at TID %d, xmax %d\n", c, s_, xmax[s_]);
            if
            :: val[s_] != 1 -> SEEN(25)
            :: else
            fi;
            if
            :: Bit(later, s_) -> SEEN(13)
            :: !Bit(group, s_) && !Bit(later, s_) -> SEEN(14)
            :: else
            fi
         :: step == LOOKING_AGAIN -> d_step { NextRow(); PreCheck() }
         :: step == ENTERING ->
            d_step { NextRow(); Probe(1, key[s_], Cop(c), Cop(c)) };
            printf("copier %d: enters key %d, value %d\n", c, key[s_], val[s_]);
            if
            :: b_ != 0 || r_ != NONE -> SEEN(15)
            :: else
            fi;
#if MUTANT == 4 || MUTANT == WAIT_IN_RETRY
            if
            :: b_ != 0 && (retry || MUTANT == 4) -> d_step { todo = todo | (1 << s_); Await(WRITERS + c, b_) }
            :: else -> d_step { Enter() }
            fi
#else
            d_step { Enter() }
#endif
         :: step == CHECKING ->
            d_step { NextRow(); ReCheck() };
            printf("copier %d: looks again at TID %d, xmax %d\n", c, s_, xmax[s_]);
            if
            :: xmax[s_] == GONE -> SEEN(16)
            :: xmax[s_] != GONE && xmax[s_] != 0 -> SEEN(17)
            :: xmax[s_] == 0 && Bit(bad, s_) -> SEEN(18)
            :: xmax[s_] == 0 && !Bit(bad, s_) && retry -> SEEN(19)
            :: else
            fi
         :: step == COMMITTING ->
            if
            :: fell && claimed & ~bad -> SEEN(20)
            :: else
            fi;
            printf("copier %d: takes back %d, defers %d (bits), commits\n", c, bad, later);
            d_step { CommitBatch() }
         :: step == LISTING -> d_step { Defer(); Forget(); Sweep() }
         fi;
         d_step { Advance(); Clean() }
       }
    od
  } unless {
    atomic {
      crashed[c] ->
      crashed[c] = 0;
      printf("copier %d: crashes\n", c);
      if
      :: claimed != 0 -> SEEN(21); fell = 1
      :: else
      fi;
      d_step { Aborted(Cop(c)); waits[WRITERS + c] = 0; Forget(); Sweep(); Clean() };
      goto again
    }
  }
}
