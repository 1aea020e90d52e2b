/* The trigger: what the AFTER ROW events of a statement do to the other table, state based. Part of protocol.pml. */

#define Image(i) (val[i] < FILTERED -> val[i] : 0)

/* The next key that our trigger has to set for event e: sk, or 0. */
inline NextKey(event) {
  sk = 0;
  image = 0;
  if
  :: old[event] != 0 ->
     sk = old[event];
     old[event] = 0;
#if MUTANT != 10
     LookUp(live, sk, Top(w), Sub(w));
     image = (r_ != NONE -> Image(r_) : 0)
#endif
  :: else ->
     if
#if MUTANT == 9
     :: new[event] != 0 ->
#else
     :: new[event] != 0 && !Mine(xmax[new[event] - 1]) ->
#endif
        sk = key[new[event] - 1];
        image = Image(new[event] - 1)
     :: else
     fi;
     new[event] = 0
  fi;
  skip
}

/* Our trigger for event e, last of the AFTER ROW triggers: SET(sk, image) for each of its keys. A probe is
 * one step, under Ld in share mode, with what follows from it; an insertion is a step of its own,
 * under Ld exclusive, since the entry of a copier may come between the two. */
inline Mirror(event) {
  do
  :: atomic {
       waits[w] == 0 && MirrorFree ->
       LockMirror();
       if
       :: sk == 0 -> d_step { NextKey(event) }
       :: else
       fi;
       if
       :: sk == 0 -> SEEN(8); printf("writer %d: mirror skips a superseded version\n", w); Clean(); break
       :: else
       fi;
       d_step {
         Probe(MIRROR, sk, Top(w), Sub(w));
#if MUTANT == 3
         /* An MVCC snapshot does not see what another transaction inserts; the arbiter does. */
         if
         :: b_ != 0 && !arbiter ->
            LookUp(MIRROR, sk, Top(w), Sub(w));
            b_ = 0;
            if
            :: r_ != NONE && xmax[r_] != 0 -> b_ = xmax[r_]; r_ = NONE
            :: else
            fi
         :: else
         fi
#endif
       };
       if
       :: b_ != 0 ->
          if
          :: arbiter -> SEEN(7)
          :: else
          fi;
          arbiter = 0;
          SEEN(5);
          assert(IsCopier(b_) || MUTANT); /* P5: a writer waits in DST for a writer */
          WaitFor(b_)
       :: r_ != NONE ->
          d_step {
            printf("writer %d: mirror finds key %d, sets it to %d\n", w, sk, image);
            arbiter = 0;
            if
            :: image != 0 && xmin[r_] == X -> val[r_] = image
            :: else ->
               xmax[r_] = X;
               if
               :: image != 0 -> Place(MIRROR, sk, image, X)
               :: else
               fi
            fi;
            NextKey(event);
            Clean()
          };
          if
          :: sk == 0 -> break
          :: else
          fi
       :: b_ == 0 && r_ == NONE && image != 0 && !arbiter -> arbiter = 1; Clean()
       :: b_ == 0 && r_ == NONE && (image == 0 || arbiter) ->
          if
          :: image == 0 -> SEEN(6)
          :: else
          fi;
          d_step {
            printf("writer %d: mirror does not find key %d, sets it to %d\n", w, sk, image);
            if
            :: image != 0 -> Place(MIRROR, sk, image, X)
            :: else
            fi;
            arbiter = 0;
            NextKey(event);
            Clean()
          };
          if
          :: sk == 0 -> break
          :: else
          fi
       fi
     }
  od
}
