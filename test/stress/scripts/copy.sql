-- Keys above 500000000 belong to one client each, as in the file.
\set first 500000000 + :client_id * 1000
BEGIN;
DELETE FROM item WHERE id BETWEEN :first AND :first + 999;
DELETE FROM item_oracle WHERE id BETWEEN :first AND :first + 999;
COPY item (id, owner_id, n, amount, partner, body) FROM ':directory/copy_:client_id.txt';
SELECT note(array_agg(id)) FROM item WHERE id BETWEEN :first AND :first + 999;
COMMIT;
