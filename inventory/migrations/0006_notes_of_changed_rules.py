"""
Notes of what must be worked out anew, whoever changes a rule and however: by form, file or SQL.

One function and its triggers per table of rules, on tables of lower apps too, which know nothing
of it. A migration that changes the type of one of the columns named below has to drop the triggers
first and make them anew.
"""

from collections.abc import Sequence

from django.db import migrations


def note_changes(
    table: str, *, columns: Sequence[str], affected: str, events: str = ""
) -> migrations.RunSQL:
    """
    Return the operation that notes the variants which a changed row decides about.

    columns: an update counts when one of them really becomes another.
    affected: query of `variant_id`; {rule} is the row, before and after. Only what is listed is
        noted: a new listing is worked out without, and a deleted variant can be in none.
    events: what counts besides, "INSERT OR DELETE" or nothing.
    """
    name = f"{table}_offers"
    # Of a row that is new there is no OLD, of a deleted one no NEW: all their columns are null,
    # and those affected none.
    old, new = affected.format(rule="OLD"), affected.format(rule="NEW")
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
    of_rows = f"""
        CREATE TRIGGER {name}_rows AFTER {events} ON {table}
            FOR EACH ROW EXECUTE FUNCTION {name}();
    """
    return migrations.RunSQL(
        sql=f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO inventory_availabilitychange (variant_id, changed_at)
            SELECT variant_id, now() FROM ({old} UNION {new}) AS affected;
            RETURN NULL;
        END $$;
        CREATE TRIGGER {name}_columns AFTER UPDATE OF {", ".join(columns)} ON {table}
            FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION {name}();
        {of_rows if events else ""}
        """,
        reverse_sql=f"DROP FUNCTION {name}() CASCADE;",
    )


# A note of a component is enough for its bundles: they are found when it is read.
OF_VARIANT = """
    SELECT {rule}.%(variant)s AS variant_id WHERE EXISTS (
        SELECT FROM channels_listing WHERE variant_id = {rule}.%(variant)s
        UNION ALL
        SELECT FROM catalog_bundlecomponent AS part
          JOIN channels_listing AS listing ON listing.variant_id = part.bundle_id
         WHERE part.component_id = {rule}.%(variant)s)
"""
ON_CHANNEL = """
    SELECT variant_id FROM channels_listing
     WHERE channel_id = {rule}.%s AND variant_id IS NOT NULL
"""
AT_LOCATION = """
    SELECT level.variant_id FROM inventory_stocklevel AS level
     WHERE level.location_id = {rule}.id
"""
ANY_ROW = "INSERT OR DELETE"


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_bundles_and_active_variants"),
        ("channels", "0003_refused_pushes"),
        ("inventory", "0005_cost_at_average"),
    ]

    operations = [
        note_changes(
            "inventory_safetystock",
            columns=["variant_id", "units"],
            affected=OF_VARIANT % {"variant": "variant_id"},
            events=ANY_ROW,
        ),
        note_changes(
            "inventory_channelreserve",
            columns=["channel_id", "variant_id", "units", "starts_at", "ends_at"],
            affected=OF_VARIANT % {"variant": "variant_id"},
            events=ANY_ROW,
        ),
        note_changes(
            "inventory_channelstocksource",
            columns=["channel_id", "location_id"],
            affected=ON_CHANNEL % "channel_id",
            events=ANY_ROW,
        ),
        note_changes(
            "inventory_location",
            columns=["kind", "is_shipping", "walk_in_floor"],
            affected=AT_LOCATION,
        ),
        note_changes(
            "channels_channel",
            columns=["offer_percent", "offer_buffer"],
            affected=ON_CHANNEL % "id",
        ),
        note_changes(
            "channels_listing",
            columns=[
                "channel_id",
                "variant_id",
                "pack_size",
                "status",
                "offer_percent",
                "offer_buffer",
                "min_quantity",
                "max_quantity",
                "end_at_quantity",
            ],
            affected="SELECT {rule}.variant_id AS variant_id WHERE {rule}.variant_id IS NOT NULL",
        ),
        note_changes(
            "catalog_variant",
            columns=["is_active", "is_stocked"],
            affected=OF_VARIANT % {"variant": "id"},
        ),
        note_changes(
            "catalog_bundlecomponent",
            columns=["bundle_id", "component_id", "units"],
            affected="""
                SELECT {rule}.bundle_id AS variant_id WHERE EXISTS (
                    SELECT FROM channels_listing WHERE variant_id = {rule}.bundle_id)
            """,
            events=ANY_ROW,
        ),
    ]
