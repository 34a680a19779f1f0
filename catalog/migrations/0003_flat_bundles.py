"""
Bundles are flat: a bundle has no stock of its own, and each of its components has.

So no bundle is a component of another. The rule looks at rows of two tables, which a CHECK cannot:
one trigger minds the components, the other the articles they join.
"""

from django.db import migrations

FLAT_BUNDLES = """
CREATE FUNCTION catalog_bundlecomponent_is_flat() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    article record;
BEGIN
    -- Shared locks: whoever turns `is_stocked` waits for us, or we for them.
    FOR article IN
        SELECT id, sku, is_stocked FROM catalog_variant
         WHERE id IN (NEW.bundle_id, NEW.component_id) ORDER BY id FOR SHARE
    LOOP
        IF article.is_stocked <> (article.id = NEW.component_id) THEN
            RAISE EXCEPTION '% %', article.sku, CASE
                WHEN article.is_stocked THEN 'is kept in stock, so it is no bundle.'
                ELSE 'is not kept in stock, so it is no part of a bundle.' END
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_bundlecomponent_is_flat
    AFTER INSERT OR UPDATE OF bundle_id, component_id ON catalog_bundlecomponent
    FOR EACH ROW EXECUTE FUNCTION catalog_bundlecomponent_is_flat();

CREATE FUNCTION catalog_variant_keeps_bundles_flat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM catalog_bundlecomponent
         WHERE CASE WHEN NEW.is_stocked THEN bundle_id ELSE component_id END = NEW.id
    ) THEN
        RAISE EXCEPTION '% %', NEW.sku, CASE
            WHEN NEW.is_stocked THEN 'is a bundle, so it has no stock of its own.'
            ELSE 'is a component of a bundle, so it is kept in stock.' END
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_variant_keeps_bundles_flat
    AFTER UPDATE OF is_stocked ON catalog_variant
    FOR EACH ROW WHEN (OLD.is_stocked <> NEW.is_stocked)
    EXECUTE FUNCTION catalog_variant_keeps_bundles_flat();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_bundles_and_active_variants")]

    operations = [
        migrations.RunSQL(
            sql=FLAT_BUNDLES,
            reverse_sql="""
            DROP FUNCTION catalog_variant_keeps_bundles_flat() CASCADE;
            DROP FUNCTION catalog_bundlecomponent_is_flat() CASCADE;
            """,
        )
    ]
