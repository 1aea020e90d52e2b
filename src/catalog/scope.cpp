// The narrow door to our own tables; see scope.hpp.
#include "catalog/scope.hpp"

#include "pg/call.hpp"

namespace pg_cutover::catalog {

namespace {

Oid OwnerOrRaise() {
  const Oid owner = ExtensionOwner();
  if (!OidIsValid(owner))
    pg::Raise(ERRCODE_UNDEFINED_OBJECT, "extension \"pg_cutover\" is not installed in this database",
              {}, "CREATE EXTENSION pg_cutover");
  return owner;
}

}  // namespace

Scope::Scope() : user_(OwnerOrRaise(), 0) {
  settings_.Set("search_path", "pg_catalog, pg_temp");
}

Oid ExtensionOwner() {
  return pg::Section([]() -> Oid {
    const ::Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                CStringGetDatum("pg_cutover"));
    const SysScanDesc scan =
        systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
    const HeapTuple tuple = systable_getnext(scan);
    const Oid owner = HeapTupleIsValid(tuple)
                          ? reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extowner
                          : InvalidOid;
    systable_endscan(scan);
    table_close(extensions, AccessShareLock);
    return owner;
  });
}

bool ExtensionInstalled() { return OidIsValid(ExtensionOwner()); }

std::string ExtensionSchema() {
  pg::Spi spi;
  const pg::Rows schema = spi.Query(
      "SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e "
      "  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace "
      " WHERE e.extname OPERATOR(pg_catalog.=) 'pg_cutover'");
  return schema.Text(0, 1).value();
}

}  // namespace pg_cutover::catalog
