-- +goose Up
CREATE TABLE agents (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version BIGINT NOT NULL,
  name VARCHAR(255) NOT NULL,
  email VARCHAR(254) NOT NULL,
  phone VARCHAR(32) NOT NULL,
  role VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  availability VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  max_conversations INT NOT NULL,
  assigned_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  KEY agents_business (business_id, created_at)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE teams (
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version BIGINT NOT NULL,
  name VARCHAR(255) NOT NULL,
  enabled TINYINT NOT NULL,
  auto_assign TINYINT NOT NULL,
  hours MEDIUMBLOB NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (business_id, id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE team_members (
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  team VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  agent_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (business_id, team, agent_id),
  KEY team_members_agent (agent_id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Conversations that were handed to people, guests' too. id is the
-- conversation's; expires_at is the guest's end, 0 for a contact's.
CREATE TABLE desk (
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  business_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  channel VARCHAR(128) NOT NULL,
  external_id VARCHAR(512) NOT NULL,
  contact_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  handling VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  team VARCHAR(255) NOT NULL,
  assignee_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  since BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  KEY desk_recent (business_id, updated_at, id),
  KEY desk_assignee (assignee_id),
  KEY desk_contact (contact_id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Who wrote a message of our side, if a person did, and whether only people of
-- our side may read it.
ALTER TABLE messages ADD COLUMN author VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN private TINYINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE messages DROP COLUMN private;
ALTER TABLE messages DROP COLUMN author;
DROP TABLE desk;
DROP TABLE team_members;
DROP TABLE teams;
DROP TABLE agents;
