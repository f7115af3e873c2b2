-- +goose Up
-- Every tag that was ever given or made; which contacts have it is on them.
CREATE TABLE tags (
  business_id TEXT NOT NULL,
  name        TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (business_id, name)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE tags;
