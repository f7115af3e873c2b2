-- +goose Up
-- What runs of flows wait for outside of their conversation; one row a visit of
-- a step. stage: 0, then 1 for a handover that only waits for its time to end.
CREATE TABLE timers (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  channel VARCHAR(128) NOT NULL,
  external_id VARCHAR(512) NOT NULL,
  session VARCHAR(512) NOT NULL,
  conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  lane BIGINT NOT NULL,
  part INT NOT NULL,
  run BIGINT NOT NULL,
  visit INT NOT NULL,
  cause VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  stage TINYINT NOT NULL DEFAULT 0,
  due_at BIGINT NOT NULL,
  owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  until BIGINT NOT NULL DEFAULT 0,
  attempts INT NOT NULL DEFAULT 0,
  failures INT NOT NULL DEFAULT 0,
  event_id BIGINT NOT NULL,
  detail MEDIUMBLOB NOT NULL,
  created_at BIGINT NOT NULL,
  KEY timers_due (due_at, part),
  KEY timers_lane (lane)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE notes (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  contact_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  text TEXT NOT NULL,
  author VARCHAR(255) NOT NULL,
  created_at BIGINT NOT NULL,
  KEY notes_contact (contact_id, created_at, id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE notes;
DROP TABLE timers;
