-- +goose Up
-- What writes of contacts changed, by the version that they made. changes: JSON.
CREATE TABLE contact_history (
  contact_id TEXT NOT NULL,
  version    INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  fields     INTEGER NOT NULL,
  changes    BLOB NOT NULL,
  PRIMARY KEY (contact_id, version)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE contact_history;
