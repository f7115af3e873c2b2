-- +goose Up
-- People who were erased; todo: what is still to be emptied, JSON, without
-- anything that says who it was.
CREATE TABLE erasures (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  todo MEDIUMBLOB,
  created_at BIGINT NOT NULL,
  done_at BIGINT NOT NULL DEFAULT 0,
  KEY erasures_open (done_at, created_at)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE erasures;
