-- All three actions on keys that belong to one client each.
\set first 600000000 + :client_id * 1000
\set n random(0, 1000)
BEGIN;
MERGE INTO item t USING (SELECT :first + random(), i + :first AS id FROM generate_series(0, 30) i) s ON t.id = s.id
WHEN MATCHED AND (t.id + :n) % 3 = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET n = t.n + 1, amount = t.amount + 1
WHEN NOT MATCHED AND (s.id + :n) % 2 = 0 THEN INSERT (id, n, partner) VALUES (s.id, :n, s.id % 1000)
WHEN NOT MATCHED THEN DO NOTHING;
SELECT note(array_agg(i)) FROM generate_series(:first, :first + 30) i;
COMMIT;
