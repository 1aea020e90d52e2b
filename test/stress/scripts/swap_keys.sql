-- Through a third key that is this client's alone.
\set a random(1, :rows)
\set b random(1, :rows)
\set third -1 - :client_id
BEGIN;
SELECT count(*) = 2 AS both FROM (SELECT FROM item WHERE id IN (:a, :b) ORDER BY id FOR UPDATE) l \gset
\if :both
UPDATE item SET id = :third WHERE id = :a;
UPDATE item SET id = :a WHERE id = :b;
UPDATE item SET id = :b WHERE id = :third;
SELECT note(ARRAY[:a, :b]);
\endif
COMMIT;
