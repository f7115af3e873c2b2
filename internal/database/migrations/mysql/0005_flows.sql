-- +goose Up
-- Where each flow stands: the version that is worked on and the one that new
-- runs get (0: none). Of flows that the configuration declares both are its.
CREATE TABLE flows (
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  id VARCHAR(128) NOT NULL,
  name VARCHAR(255) NOT NULL,
  draft INT NOT NULL,
  published INT NOT NULL DEFAULT 0,
  from_file TINYINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (business_id, id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

ALTER TABLE flow_versions
  ADD COLUMN author VARCHAR(255) NOT NULL DEFAULT '',
  ADD COLUMN published_at BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN published_by VARCHAR(255) NOT NULL DEFAULT '';

-- What a notice says besides the contact, as JSON.
ALTER TABLE deliveries ADD COLUMN detail MEDIUMBLOB;

-- +goose Down
ALTER TABLE deliveries DROP COLUMN detail;
ALTER TABLE flow_versions DROP COLUMN published_by, DROP COLUMN published_at, DROP COLUMN author;
DROP TABLE flows;
