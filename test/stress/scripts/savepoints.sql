\set id random(1, 2 * :rows)
BEGIN;
SELECT coalesce(array_agg(id), '{}') AS ids FROM
    (SELECT id FROM item WHERE id BETWEEN :id AND :id + 3 ORDER BY id FOR UPDATE) l \gset
UPDATE item SET n = n + 1 WHERE id = ANY (':ids');
SAVEPOINT a;
DELETE FROM item WHERE id = ANY (':ids');
SAVEPOINT b;
INSERT INTO item (id, n) SELECT id, 4 FROM unnest(':ids'::integer[]) id;
ROLLBACK TO a;
UPDATE item SET amount = amount + 1 WHERE id = ANY (':ids');
SAVEPOINT c;
UPDATE app SET status = 'c' WHERE id = ANY (':ids');
RELEASE c;
SELECT note(':ids');
COMMIT;
