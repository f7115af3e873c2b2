-- +goose Up
-- People who were erased; todo: what is still to be emptied, JSON, without
-- anything that says who it was.
CREATE TABLE erasures (
  id          TEXT NOT NULL PRIMARY KEY,
  business_id TEXT NOT NULL,
  todo        BLOB,
  created_at  INTEGER NOT NULL,
  done_at     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX erasures_open ON erasures (created_at) WHERE done_at = 0;

-- +goose Down
DROP TABLE erasures;
