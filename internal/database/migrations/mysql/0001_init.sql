-- Times are microseconds since 1970, UTC. Ids of events are 63-bit, time-ordered.
-- +goose Up
CREATE TABLE installation (
  name VARCHAR(255) NOT NULL PRIMARY KEY,
  value VARBINARY(255) NOT NULL
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE businesses (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  name VARCHAR(255) NOT NULL,
  country VARCHAR(2) NOT NULL,
  timezone VARCHAR(64) NOT NULL,
  created_at BIGINT NOT NULL
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE api_keys (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name VARCHAR(255) NOT NULL,
  hash BINARY(32) NOT NULL UNIQUE,
  scopes VARCHAR(255) NOT NULL,
  agent_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  from_file TINYINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL DEFAULT 0
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE fields (
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name VARCHAR(255) NOT NULL,
  title VARCHAR(255) NOT NULL,
  type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  from_file TINYINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (business_id, name)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE flow_versions (
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  flow VARCHAR(128) NOT NULL,
  version INT NOT NULL,
  hash BINARY(32) NOT NULL,
  document MEDIUMBLOB NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (business_id, flow, version),
  UNIQUE (business_id, flow, hash)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE destinations (
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reason VARCHAR(512) NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  PRIMARY KEY (business_id, id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE nodes (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  seen_at BIGINT NOT NULL
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE partitions (
  part INT NOT NULL PRIMARY KEY,
  owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  until BIGINT NOT NULL DEFAULT 0
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- state: 0 accepted, 1 done, 2 ignored, 3 quarantined
CREATE TABLE events (
  id BIGINT NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  channel VARCHAR(128) NOT NULL,
  dedupe BINARY(32) NOT NULL UNIQUE,
  lane BIGINT NOT NULL,
  part INT NOT NULL,
  pos BIGINT NOT NULL,
  state TINYINT NOT NULL,
  attempts TINYINT NOT NULL DEFAULT 0,
  reserved_by VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  reserved_until BIGINT NOT NULL DEFAULT 0,
  reason VARCHAR(512) NOT NULL DEFAULT '',
  done_at BIGINT NOT NULL DEFAULT 0,
  guest_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  contact_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  event MEDIUMBLOB,
  raw MEDIUMBLOB,
  answer MEDIUMBLOB,
  trace MEDIUMBLOB,
  KEY events_undone (state, pos, part, lane),
  KEY events_lane (lane, pos)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Lanes whose content is blanked when their guest is gone.
CREATE TABLE expiries (
  lane BIGINT NOT NULL PRIMARY KEY,
  expires_at BIGINT NOT NULL,
  KEY expiries_at (expires_at)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE sessions (
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  channel VARCHAR(128) NOT NULL,
  session VARBINARY(512) NOT NULL,
  external_id VARCHAR(512) NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (business_id, channel, session)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE contacts (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version BIGINT NOT NULL,
  type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status VARCHAR(32) NOT NULL,
  name VARCHAR(255) NOT NULL,
  name_key VARCHAR(255) NOT NULL,
  search VARCHAR(1024) NOT NULL,
  email VARCHAR(254) NOT NULL,
  phone VARCHAR(32) NOT NULL,
  customer_id VARCHAR(640) NOT NULL,
  channel VARCHAR(128) NOT NULL,
  flow VARCHAR(128) NOT NULL,
  assignee_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  archived TINYINT NOT NULL,
  doc MEDIUMBLOB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  KEY contacts_created (business_id, created_at, id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One holder, contact or agent, for each phone, e-mail and customer id.
CREATE TABLE addresses (
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  value VARCHAR(640) NOT NULL,
  holder_kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  holder_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  trust VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (business_id, kind, value),
  KEY addresses_holder (holder_id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE conversations (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  channel VARCHAR(128) NOT NULL,
  external_id VARCHAR(512) NOT NULL,
  contact_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version BIGINT NOT NULL,
  linked TINYINT NOT NULL,
  handling VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state MEDIUMBLOB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  KEY conversations_contact (contact_id),
  KEY conversations_recent (business_id, updated_at, id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE messages (
  conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  seq BIGINT NOT NULL,
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  outgoing TINYINT NOT NULL,
  state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  body MEDIUMBLOB NOT NULL,
  event_id BIGINT NOT NULL,
  platform_id VARCHAR(255) NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  PRIMARY KEY (conversation_id, seq)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Replies that must be sent. state: 0 pending, 1 sent, 2 failed for good;
-- progress: how far it got by what the platform says, 0 to 5
CREATE TABLE replies (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  channel VARCHAR(128) NOT NULL,
  conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  part INT NOT NULL,
  pos BIGINT NOT NULL,
  place INT NOT NULL,
  state TINYINT NOT NULL,
  due_at BIGINT NOT NULL,
  attempts TINYINT NOT NULL DEFAULT 0,
  last_error VARCHAR(1000) NOT NULL DEFAULT '',
  platform_id VARCHAR(255) NOT NULL DEFAULT '',
  progress TINYINT NOT NULL DEFAULT 0,
  address MEDIUMBLOB,
  body MEDIUMBLOB,
  created_at BIGINT NOT NULL,
  KEY replies_due (state, part, pos, place),
  KEY replies_platform (platform_id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row a destination and contact; what a worker claims.
CREATE TABLE syncs (
  id VARCHAR(160) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  destination VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  contact_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  remote_id VARCHAR(255) NOT NULL DEFAULT '',
  remote_url VARCHAR(512) NOT NULL DEFAULT '',
  waiting TINYINT NOT NULL,
  due_at BIGINT NOT NULL,
  owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  until BIGINT NOT NULL DEFAULT 0,
  KEY syncs_due (business_id, destination, waiting, due_at)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE deliveries (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  destination VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  contact_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  lead_key VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  changed VARCHAR(2000) NOT NULL DEFAULT '',
  attempt_count INT NOT NULL DEFAULT 0,
  first_attempt_at BIGINT NOT NULL DEFAULT 0,
  due_at BIGINT NOT NULL,
  last_error VARCHAR(1000) NOT NULL DEFAULT '',
  remote_id VARCHAR(255) NOT NULL DEFAULT '',
  remote_url VARCHAR(512) NOT NULL DEFAULT '',
  attempts MEDIUMBLOB,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  KEY deliveries_sync (contact_id, destination, created_at),
  KEY deliveries_recent (business_id, created_at, id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE idempotency (
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name VARCHAR(255) NOT NULL,
  hash BINARY(32) NOT NULL,
  status INT NOT NULL,
  location VARCHAR(255) NOT NULL DEFAULT '',
  body MEDIUMBLOB,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (business_id, name)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE idempotency;
DROP TABLE deliveries;
DROP TABLE syncs;
DROP TABLE replies;
DROP TABLE messages;
DROP TABLE conversations;
DROP TABLE addresses;
DROP TABLE contacts;
DROP TABLE sessions;
DROP TABLE expiries;
DROP TABLE events;
DROP TABLE partitions;
DROP TABLE nodes;
DROP TABLE destinations;
DROP TABLE flow_versions;
DROP TABLE fields;
DROP TABLE api_keys;
DROP TABLE businesses;
DROP TABLE installation;
