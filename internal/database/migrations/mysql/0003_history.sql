-- +goose Up
-- What writes of contacts changed, by the version that they made. changes: JSON.
CREATE TABLE contact_history (
  contact_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version BIGINT NOT NULL,
  at BIGINT NOT NULL,
  fields INT NOT NULL,
  changes MEDIUMBLOB NOT NULL,
  PRIMARY KEY (contact_id, version)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE contact_history;
