-- Dual-write as it is written by hand: one upsert a row, and the old key removed where it is no longer there.
CREATE OR REPLACE FUNCTION mirror_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM mirror WHERE id = OLD.id;
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF NEW.id <> OLD.id THEN
            DELETE FROM mirror WHERE id = OLD.id;
        END IF;
    END IF;
    INSERT INTO mirror (id, event, tenant, amount, occurred_at, attributes)
    VALUES (NEW.id, NEW.event, NEW.tenant, NEW.amount, NEW.occurred_at, NEW.attributes)
    ON CONFLICT (id) DO UPDATE
       SET event = EXCLUDED.event, tenant = EXCLUDED.tenant, amount = EXCLUDED.amount,
           occurred_at = EXCLUDED.occurred_at, attributes = EXCLUDED.attributes;
    RETURN NULL;
END
$$;
CREATE TRIGGER mirror_by_hand AFTER INSERT OR UPDATE OR DELETE ON live
    FOR EACH ROW EXECUTE FUNCTION mirror_by_hand();
