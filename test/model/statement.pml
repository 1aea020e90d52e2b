/* A writer's statement, row by row, up to the end of the heap operations. Part of protocol.pml. */

#define MIRROR (1 - live)
#define X (Top(w) + (savepoint == 1))
#define Mine(x) ((x) == Top(w) || (x) == Sub(w))

#if INSTALL || SWAP
#define Mirrored trigger
#define MirrorFree (!mirror_barred || (locks[w] & 2))
#define LockMirror() locks[w] = locks[w] | 2
#else
#define Mirrored true
#define MirrorFree true
#define LockMirror() skip
#endif

/* Ends the statement and with it the transaction, where waiting for x would close a cycle. */
#define WaitFor(x) d_step { Await(w, x) }; \
  if :: bad_ -> SEEN(1); waits[w] = 0; Clean(); goto rollback :: else -> Clean() fi

#define NewVersion(k, v) Place(live, k, v, X); \
  if :: r_ < SLOTS -> young[r_] = (savepoint == 1 -> young_sub : young_top) :: else fi

#if INSTALL
/* A transaction's id is assigned by its first write; X0 may have been read before or not. */
inline AssignId() {
  if
  :: savepoint == 1 && !id_sub -> id_sub = 1; young_sub = boundary
  :: savepoint != 1 && !id_top -> id_top = 1; young_top = boundary
  :: else
  fi;
  skip
}
#else
#define AssignId() skip
#endif

#if MUTANT == 7 || MUTANT == 8 || MUTANT == 17
#define Superseded(i) xmax[i] = X; if :: i < SLOTS -> how[i] = op :: else fi
#else
#define Superseded(i) xmax[i] = X
#endif

#if NESTED
#define EVENTS 3
#else
#define EVENTS 2
#endif

#define NewValue (1 + w * 8 + seq + FILTERED * leaves)

/* One row of a statement: op on key k (k2 is where it moves to or is inserted), as an event. Ls exclusive; then, for a
 * key that is new to SRC, the check of its unique index. */
inline RowOperation(event) {
  if
  :: op != INS ->
     do
     :: atomic {
          waits[w] == 0 ->
          d_step { LookUp(live, k, Top(w), Sub(w)) };
          if
          :: r_ == NONE ->
             if
             :: op == MOVE || op == EXCHANGE -> op = 0
             :: else
             fi;
             Clean();
             break
          :: r_ != NONE && xmax[r_] != 0 -> SEEN(2); WaitFor(xmax[r_])
          :: r_ != NONE && xmax[r_] == 0 ->
             d_step {
               AssignId();
               Superseded(r_);
               printf("writer %d: sets xmax of key %d, TID %d\n", w, k, r_);
               if
               :: op == UPD ->
                  seq++;
                  NewVersion(k, NewValue);
                  printf("writer %d: updates it to value %d, TID %d\n", w, NewValue, r_);
                  new[event] = r_ + 1
               :: else -> old[event] = k
               fi;
               Clean()
             };
             break
          fi
        }
     od
  :: else
  fi;
  if
  :: op == INS || op == MOVE ->
     do
     :: atomic {
          waits[w] == 0 ->
          d_step { Probe(live, k2, Top(w), Sub(w)) };
          if
          :: b_ != 0 -> SEEN(3); WaitFor(b_)
          :: b_ == 0 && r_ != NONE && op == INS -> Clean(); break /* ON CONFLICT DO NOTHING */
          :: b_ == 0 && r_ != NONE && op == MOVE -> Clean(); goto rollback
          :: b_ == 0 && r_ == NONE ->
             d_step {
               AssignId();
               seq++;
               NewVersion(k2, NewValue);
               printf("writer %d: new version of key %d, value %d, TID %d\n", w, k2, NewValue, r_);
               new[event] = r_ + 1;
               Clean()
             };
             break
          fi
        }
     od
#if SWAPS
  :: op == EXCHANGE ->
     /* A deferrable key: both rows are superseded before either new version meets the other key. */
     do
     :: atomic {
          waits[w] == 0 ->
          d_step { LookUp(live, k2, Top(w), Sub(w)) };
          if
          :: r_ == NONE ->
             d_step {
               seq++;
               NewVersion(k, NewValue);
               new[0] = r_ + 1;
               old[0] = 0;
               Clean()
             };
             break
          :: r_ != NONE && xmax[r_] != 0 -> WaitFor(xmax[r_])
          :: r_ != NONE && xmax[r_] == 0 ->
             SEEN(4);
             d_step {
               printf("writer %d: exchanges keys %d and %d\n", w, k, k2);
               Superseded(r_);
               old[1] = k2;
               seq++;
               NewVersion(k2, NewValue);
               new[0] = r_ + 1;
               seq++;
               NewVersion(k, NewValue);
               new[1] = r_ + 1;
               Clean()
             };
             break
          fi
        }
     od
#endif
  :: else
  fi
}
