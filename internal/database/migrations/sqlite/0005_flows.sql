-- +goose Up
-- Where each flow stands: the version that is worked on and the one that new
-- runs get (0: none). Of flows that the configuration declares both are its.
CREATE TABLE flows (
  business_id TEXT NOT NULL,
  id          TEXT NOT NULL,
  name        TEXT NOT NULL,
  draft       INTEGER NOT NULL,
  published   INTEGER NOT NULL DEFAULT 0,
  from_file   INTEGER NOT NULL DEFAULT 0,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  PRIMARY KEY (business_id, id)
) STRICT;

ALTER TABLE flow_versions ADD COLUMN author TEXT NOT NULL DEFAULT '';
ALTER TABLE flow_versions ADD COLUMN published_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE flow_versions ADD COLUMN published_by TEXT NOT NULL DEFAULT '';

-- What a notice says besides the contact, as JSON.
ALTER TABLE deliveries ADD COLUMN detail BLOB;

-- +goose Down
ALTER TABLE deliveries DROP COLUMN detail;
ALTER TABLE flow_versions DROP COLUMN published_by;
ALTER TABLE flow_versions DROP COLUMN published_at;
ALTER TABLE flow_versions DROP COLUMN author;
DROP TABLE flows;
