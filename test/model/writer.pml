/* A writer: transactions of statements, with savepoints, nested writes, aborts. Part of protocol.pml. */

inline ChooseKeys() {
  if
  :: k = 1; k2 = 2
#if KEYS > 1
  :: k = 2; k2 = 1
#endif
#if KEYS > 2
  :: k = 1; k2 = 3
  :: k = 2; k2 = 3
  :: k = 3; k2 = 1
  :: k = 3; k2 = 2
#endif
  fi
}

proctype Writer(byte w) {
  byte transactions = TXNS, left, seq;
  byte op, k, k2, row, old[EVENTS], new[EVENTS], sk, image;
  byte savepoint; /* 0: none, 1: active, 2: over; a transaction has one at most */
  bool two, leaves, arbiter, nested, young_top, young_sub, id_top, id_sub;

  atomic { begun >= w -> begun++ }

begin:
  if
  :: transactions == 0 -> goto ready
  :: else
  fi;
  transactions--;
  left = STATEMENTS;
#if OLDXIDS
  if
  :: young_top = 1
  :: young_top = 0
  fi;
  young_sub = 1;
#elif !INSTALL
  young_top = 1;
  young_sub = 1;
#endif
#if INSTALL
  /* It may have written to other tables before it comes here. */
  if
  :: atomic { id_top = 1; young_top = boundary }
  :: true
  fi;
#endif
#if INSTALL || SWAP
  atomic { !barred -> locks[w] = 1 };
#endif

statement:
  left--;
  if
  :: op = UPD
  :: op = DEL
  :: op = INS
#if MOVES
  :: op = MOVE
#endif
#if SWAPS
  :: op = EXCHANGE
#endif
  fi;
  ChooseKeys();
  if
  :: op == INS -> k2 = k
  :: else
  fi;
#if MULTI
  if
  :: op == UPD || op == DEL -> two = 1
  :: true
  fi;
#endif
#if FILTER
  if
  :: op != DEL -> leaves = 1
  :: true
  fi;
#endif
#if MUTANT == 16
  if
  :: op == DEL && trigger -> sk = k; Mirror(0)
  :: else
  fi;
#endif
  do
  :: RowOperation(row);
     if
     :: two && row == 0 -> k = k2; row = 1
     :: else -> break
     fi
  od;
  op = 0; k = 0; k2 = 0; row = 0; two = 0; leaves = 0;
#if MUTANT == 16
  if
  :: old[0] != 0 && new[0] == 0 -> old[0] = 0
  :: else
  fi;
#endif

  /* The end of the statement: the events fire. */
  do
  :: row < 2 ->
     if
     :: old[row] == 0 && new[row] == 0
     :: else ->
#if NESTED
        /* A trigger of the application comes first, and writes again. */
        if
        :: nested
        :: !nested
        :: !nested ->
           nested = 1;
           if
           :: op = UPD
           :: op = DEL
#if MOVES
           :: op = MOVE
#endif
           fi;
           ChooseKeys();
           RowOperation(2);
           op = 0; k = 0; k2 = 0;
           if
           :: Mirrored && (old[2] != 0 || new[2] != 0) -> Mirror(2)
           :: else -> old[2] = 0; new[2] = 0
           fi
        fi;
#endif
        if
        :: Mirrored -> Mirror(row)
        :: else -> old[row] = 0; new[row] = 0
        fi
     fi;
     row++
  :: else -> row = 0; break
  od;

  if
  :: left > 0 -> goto statement
#if SAVEPOINTS
  :: left > 0 && savepoint == 0 -> savepoint = 1; goto statement
  :: savepoint == 1 ->
     atomic { d_step { Aborted(Sub(w)); Clean() }; SEEN(9); printf("writer %d: rolls back to its savepoint\n", w) }
     savepoint = 2;
     id_sub = 0;
     if
     :: left > 0 -> goto statement
     :: true
     fi
#endif
#if ABORTS
  :: goto rollback
#endif
  :: true
  fi;

  atomic {
    printf("writer %d: commits\n", w);
    if
    :: live == 1 -> SEEN(26)
    :: else
    fi;
    d_step { Committed(Top(w)); Committed(Sub(w)); Sweep(); Check(); Clean() };
    goto over
  }
rollback:
  atomic {
    printf("writer %d: aborts\n", w);
    d_step { Aborted(Top(w)); Aborted(Sub(w)); Sweep(); Clean() };
    goto over
  }
over:
  atomic {
    d_step {
      old[0] = 0; new[0] = 0; old[1] = 0; new[1] = 0;
#if NESTED
      old[2] = 0; new[2] = 0;
#endif
      op = 0; k = 0; k2 = 0; row = 0; sk = 0; image = 0; two = 0; leaves = 0; arbiter = 0; nested = 0; savepoint = 0;
      id_top = 0; id_sub = 0; young_top = 0; young_sub = 0
    };
#if INSTALL || SWAP
    locks[w] = 0;
#endif
    goto begin
  }
ready:
  ended++
}
