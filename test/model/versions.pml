/* Row versions, transactions' ends, waiting, and what has to hold: what all processes of the model share. Part of
 * protocol.pml. The inlines leave their result in r_ and b_ and are meant for a d_step. */

#define Visible(i) (key[i] != 0 && xmin[i] == 0 && xmax[i] != GONE)

/* r_: where a new version of table t goes. */
inline Place(table, its_key, its_value, xid) {
  r_ = table * SLOTS;
  do
  :: r_ < table * SLOTS + SLOTS && key[r_] != 0 -> r_++
  :: else -> break
  od;
  assert(r_ < table * SLOTS + SLOTS); /* if this fails, SLOTS is too small */
  key[r_] = its_key;
  val[r_] = its_value;
  xmin[r_] = xid;
  xmax[r_] = 0
}

inline Empty(place) {
  key[place] = 0;
  val[place] = 0;
  xmin[place] = 0;
  xmax[place] = 0;
  if
  :: place < SLOTS ->
     young[place] = 0;
#if MUTANT == 7 || MUTANT == 8 || MUTANT == 17
     how[place] = 0;
#endif
  :: else
  fi;
  skip
}

/* r_: the version of key k in table t under SnapshotSelf of the transaction with ids a and b. */
inline LookUp(table, its_key, id1, id2) {
  r_ = NONE;
  i_ = (table) * SLOTS;
  do
  :: i_ < table * SLOTS + SLOTS ->
     if
     :: key[i_] == its_key && (xmin[i_] == 0 || xmin[i_] == id1 || xmin[i_] == id2) && xmax[i_] != GONE &&
        xmax[i_] != id1 && xmax[i_] != id2 -> r_ = i_
     :: else
     fi;
     i_++
  :: else -> break
  od;
  skip
}

/* The same under a dirty snapshot. b_: another transaction that is changing the key, or 0; r_: a version that nobody is
 * changing, or NONE. */
inline Probe(table, its_key, id1, id2) {
  r_ = NONE;
  b_ = 0;
  i_ = (table) * SLOTS;
  do
  :: i_ < table * SLOTS + SLOTS ->
     if
     :: key[i_] != its_key || xmax[i_] == GONE
     :: else ->
        if
        :: xmin[i_] != 0 && xmin[i_] != id1 && xmin[i_] != id2 ->
           b_ = xmin[i_]
        :: else ->
           if
           :: xmax[i_] == id1 || xmax[i_] == id2
           :: xmax[i_] == 0 -> r_ = i_
           :: else -> b_ = xmax[i_]
           fi
        fi
     fi;
     i_++
  :: else -> break
  od;
  skip
}

/* Versions that nobody can see any more go, unless a batch holds them. */
inline Sweep() {
  i_ = 0;
  do
  :: i_ < ALL ->
     if
     :: xmax[i_] == GONE ->
        bad_ = 0;
        j_ = 0;
        do
        :: i_ < SLOTS && j_ < COPIERS -> bad_ = bad_ || ((held[j_] >> i_) & 1); j_++
        :: else -> break
        od;
        if
        :: !bad_ -> Empty(i_)
        :: else
        fi
     :: else
     fi;
     i_++
  :: else -> break
  od;
  skip
}

inline WakeUp(xid) {
  j_ = 0;
  do
  :: j_ < WRITERS + COPIERS ->
     if
     :: waits[j_] == xid -> waits[j_] = 0
     :: else
     fi;
     j_++
  :: else -> break
  od;
  skip
}

inline Committed(xid) {
  i_ = 0;
  do
  :: i_ < ALL ->
     if
     :: key[i_] != 0 ->
        if
        :: xmin[i_] == xid -> xmin[i_] = 0
        :: else
        fi;
        if
        :: xmax[i_] == xid -> xmax[i_] = GONE
        :: else
        fi
     :: else
     fi;
     i_++
  :: else -> break
  od;
  WakeUp(xid)
}

inline Aborted(xid) {
  i_ = 0;
  do
  :: i_ < ALL ->
     if
     :: key[i_] != 0 && xmin[i_] == xid -> Empty(i_)
     :: key[i_] != 0 && xmin[i_] != xid && xmax[i_] == xid ->
        xmax[i_] = 0
     :: else
     fi;
     i_++
  :: else -> break
  od;
  WakeUp(xid)
}

/* bad_: some visible row of table t that f keeps has no counterpart in table u, or table t has its key twice. */
inline Compare(one, other) {
  i_ = 0;
  do
  :: i_ < SLOTS ->
     if
     :: Visible(one * SLOTS + i_) && val[one * SLOTS + i_] < FILTERED ->
        n_ = 0;
        j_ = 0;
        do
        :: j_ < SLOTS ->
           if
           :: Visible(other * SLOTS + j_) && key[other * SLOTS + j_] == key[one * SLOTS + i_] &&
              val[other * SLOTS + j_] == val[one * SLOTS + i_] -> n_ = 1
           :: else
           fi;
           if
           :: j_ < i_ && Visible(one * SLOTS + j_) && key[one * SLOTS + j_] == key[one * SLOTS + i_] ->
              bad_ = 1
           :: else
           fi;
           j_++
        :: else -> break
        od;
        if
        :: n_ == 0 -> bad_ = 1
        :: else
        fi
     :: Visible(one * SLOTS + i_) && val[one * SLOTS + i_] >= FILTERED && one == 1 ->
        bad_ = 1
     :: else
     fi;
     i_++
  :: else -> break
  od;
  skip
}

/* P1 and P2, of the committed state. */
inline Check() {
  bad_ = 0;
  Compare(1, 0);
  not_subset = bad_;
  assert(!not_subset); /* P1: DST has a row that f(SRC) does not have */
  if
  :: done ->
     Compare(0, 1);
     not_equal = bad_;
     assert(!not_equal) /* P2: f(SRC) has a row that DST does not have */
  :: else
  fi;
  skip
}

/* Process me begins to wait for transaction x. bad_: that closes a cycle; copier_in_cycle: with a copier in it. */
inline Await(me, xid) {
  assert(me < WRITERS || MUTANT == 4 || MUTANT == 14 || MUTANT == WAIT_IN_RETRY); /* P3 */
  waits[me] = xid;
  printf("process %d waits for transaction %d\n", me, xid);
  bad_ = 0;
  copier_in_cycle = me >= WRITERS;
  p_ = Owner(xid);
  n_ = 0;
  do
  :: n_ < WRITERS + COPIERS ->
     copier_in_cycle = copier_in_cycle || p_ >= WRITERS;
     if
     :: p_ == me -> bad_ = 1; break
     :: p_ != me && waits[p_] == 0 -> break
     :: else -> p_ = Owner(waits[p_])
     fi;
     n_++
  :: else -> break
  od;
  copier_in_cycle = bad_ && copier_in_cycle;
  assert(!copier_in_cycle) /* P4: a deadlock that involves a copier */
}
