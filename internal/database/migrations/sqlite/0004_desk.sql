-- +goose Up
CREATE TABLE agents (
  id                TEXT NOT NULL PRIMARY KEY,
  business_id       TEXT NOT NULL,
  version           INTEGER NOT NULL,
  name              TEXT NOT NULL,
  email             TEXT NOT NULL,
  phone             TEXT NOT NULL,
  role              TEXT NOT NULL,
  availability      TEXT NOT NULL,
  max_conversations INTEGER NOT NULL,
  assigned_at       INTEGER NOT NULL,
  created_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX agents_business ON agents (business_id, created_at);

CREATE TABLE teams (
  business_id TEXT NOT NULL,
  id          TEXT NOT NULL,
  version     INTEGER NOT NULL,
  name        TEXT NOT NULL,
  enabled     INTEGER NOT NULL,
  auto_assign INTEGER NOT NULL,
  hours       BLOB NOT NULL,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (business_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE team_members (
  business_id TEXT NOT NULL,
  team        TEXT NOT NULL,
  agent_id    TEXT NOT NULL,
  PRIMARY KEY (business_id, team, agent_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_members_agent ON team_members (agent_id);

-- Conversations that were handed to people, guests' too. id is the
-- conversation's; expires_at is the guest's end, 0 for a contact's.
CREATE TABLE desk (
  id          TEXT NOT NULL PRIMARY KEY,
  business_id TEXT NOT NULL,
  channel     TEXT NOT NULL,
  external_id TEXT NOT NULL,
  contact_id  TEXT NOT NULL,
  handling    TEXT NOT NULL,
  team        TEXT NOT NULL,
  assignee_id TEXT NOT NULL,
  since       INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX desk_recent ON desk (business_id, updated_at, id);
CREATE INDEX desk_assignee ON desk (assignee_id);
CREATE INDEX desk_contact ON desk (contact_id);

-- Who wrote a message of our side, if a person did, and whether only people of
-- our side may read it.
ALTER TABLE messages ADD COLUMN author TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN private INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE messages DROP COLUMN private;
ALTER TABLE messages DROP COLUMN author;
DROP TABLE desk;
DROP TABLE team_members;
DROP TABLE teams;
DROP TABLE agents;
