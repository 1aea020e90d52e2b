/* What else happens: crashes, the installation of capture, the swap, a reader. Part of protocol.pml. */

#if CRASHES
proctype Crash() {
  byte left = CRASHES;
end:
  do
  :: atomic {
       left > 0 && !done ->
       left--;
       if
       :: crashed[0] = 1
#if COPIERS > 1
       :: crashed[1] = 1
#endif
       fi
     }
  :: left == 0 -> break
  od
}
#endif

#if WRITERS == 1
#define NobodyHolds(bits) ((locks[0] & (bits)) == 0)
#elif WRITERS == 2
#define NobodyHolds(bits) (((locks[0] | locks[1]) & (bits)) == 0)
#else
#define NobodyHolds(bits) (((locks[0] | locks[1] | locks[2]) & (bits)) == 0)
#endif

#if INSTALL
/* T0. The writers' locks on SRC conflict with ours, which keeps new writers out while it waits. */
proctype Installer() {
#if MUTANT == 11
  boundary = 1;
#endif
  barred = 1;
  NobodyHolds(1);
  boundary = 1;
  atomic { trigger = 1; installed = 1; barred = 0; printf("T0 commits\n") }
}
#endif

#if SWAP
proctype Swapper() {
  byte left = SWAP;
  do
  :: left > 0 ->
     left--;
#if READER
     done && (MUTANT == SWAP_AT_ONCE || !(reading && older));
#else
     done;
#endif
#if MUTANT == MIRROR_FIRST
     mirror_barred = 1;
     NobodyHolds(2);
     barred = 1;
     NobodyHolds(1);
#else
     barred = 1;
     NobodyHolds(1);
#if MUTANT == SWAP_IN_TWO
     atomic { trigger = 0; barred = 0 };
     barred = 1;
     NobodyHolds(1);
#endif
     mirror_barred = 1;
     NobodyHolds(2);
#endif
     atomic {
       live = 1 - live;
       printf("swap: table %d is live\n", live);
       trigger = (MUTANT != NO_REVERSE);
       barred = 0;
       mirror_barred = 0;
       if
       :: live == 1 -> SEEN(22)
       :: else -> SEEN(23)
       fi
     }
  :: else -> break
  od
}
#endif

#if READER
proctype Reader() {
  atomic {
    d_step { bad_ = 0; Compare(0, 1) };
    partial = bad_;
    Clean();
    reading = 1
  };
  atomic {
    if
    :: live == 1 ->
       SEEN(24);
       assert(!partial) /* P6 */
    :: else
    fi;
    reading = 0;
    partial = 0;
    older = 0
  }
}
#endif
