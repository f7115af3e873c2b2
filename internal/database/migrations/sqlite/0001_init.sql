-- Times are microseconds since 1970, UTC. Ids of events are 63-bit, time-ordered.
-- +goose Up
CREATE TABLE installation (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;

CREATE TABLE businesses (
  id         TEXT NOT NULL PRIMARY KEY,
  name       TEXT NOT NULL,
  country    TEXT NOT NULL,
  timezone   TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
  id          TEXT NOT NULL PRIMARY KEY,
  business_id TEXT NOT NULL,
  name        TEXT NOT NULL,
  hash        BLOB NOT NULL UNIQUE,
  scopes      TEXT NOT NULL,
  agent_id    TEXT NOT NULL DEFAULT '',
  from_file   INTEGER NOT NULL DEFAULT 0,
  created_at  INTEGER NOT NULL,
  revoked_at  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE fields (
  business_id TEXT NOT NULL,
  name        TEXT NOT NULL,
  title       TEXT NOT NULL,
  type        TEXT NOT NULL,
  from_file   INTEGER NOT NULL DEFAULT 0,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (business_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE flow_versions (
  business_id TEXT NOT NULL,
  flow        TEXT NOT NULL,
  version     INTEGER NOT NULL,
  hash        BLOB NOT NULL,
  document    BLOB NOT NULL,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (business_id, flow, version),
  UNIQUE (business_id, flow, hash)
) STRICT;

CREATE TABLE destinations (
  business_id TEXT NOT NULL,
  id          TEXT NOT NULL,
  type        TEXT NOT NULL,
  state       TEXT NOT NULL,
  reason      TEXT NOT NULL DEFAULT '',
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (business_id, id)
) STRICT;

CREATE TABLE nodes (
  id      TEXT NOT NULL PRIMARY KEY,
  seen_at INTEGER NOT NULL
) STRICT;

CREATE TABLE partitions (
  part  INTEGER NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL DEFAULT '',
  until INTEGER NOT NULL DEFAULT 0
) STRICT;

-- state: 0 accepted, 1 done, 2 ignored, 3 quarantined
CREATE TABLE events (
  id             INTEGER NOT NULL PRIMARY KEY,
  business_id    TEXT NOT NULL,
  channel        TEXT NOT NULL,
  dedupe         BLOB NOT NULL UNIQUE,
  lane           INTEGER NOT NULL,
  part           INTEGER NOT NULL,
  pos            INTEGER NOT NULL,
  state          INTEGER NOT NULL,
  attempts       INTEGER NOT NULL DEFAULT 0,
  reserved_by    TEXT NOT NULL DEFAULT '',
  reserved_until INTEGER NOT NULL DEFAULT 0,
  reason         TEXT NOT NULL DEFAULT '',
  done_at        INTEGER NOT NULL DEFAULT 0,
  guest_id       TEXT NOT NULL DEFAULT '',
  contact_id     TEXT NOT NULL DEFAULT '',
  event          BLOB,
  raw            BLOB,
  answer         BLOB,
  trace          BLOB
) STRICT;
CREATE INDEX events_undone ON events (pos, part, lane) WHERE state = 0;
CREATE INDEX events_kept ON events (state, pos) WHERE state > 1;
-- Written when an event ends: one place less that a webhook waits for.
CREATE INDEX events_lane ON events (lane, pos) WHERE state <> 0;

-- Lanes whose content is blanked when their guest is gone.
CREATE TABLE expiries (
  lane       INTEGER NOT NULL PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX expiries_at ON expiries (expires_at);

CREATE TABLE sessions (
  business_id TEXT NOT NULL,
  channel     TEXT NOT NULL,
  session     TEXT NOT NULL,
  external_id TEXT NOT NULL,
  seen_at     INTEGER NOT NULL,
  PRIMARY KEY (business_id, channel, session)
) STRICT, WITHOUT ROWID;

CREATE TABLE contacts (
  id            TEXT NOT NULL PRIMARY KEY,
  business_id   TEXT NOT NULL,
  version       INTEGER NOT NULL,
  type          TEXT NOT NULL,
  status        TEXT NOT NULL,
  name          TEXT NOT NULL,
  name_key      TEXT NOT NULL,
  search        TEXT NOT NULL,
  email         TEXT NOT NULL,
  phone         TEXT NOT NULL,
  customer_id   TEXT NOT NULL,
  channel       TEXT NOT NULL,
  flow          TEXT NOT NULL,
  assignee_id   TEXT NOT NULL,
  archived      INTEGER NOT NULL,
  doc           BLOB NOT NULL,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  last_seen_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX contacts_created ON contacts (business_id, created_at, id);

-- One holder, contact or agent, for each phone, e-mail and customer id.
CREATE TABLE addresses (
  business_id TEXT NOT NULL,
  kind        TEXT NOT NULL,
  value       TEXT NOT NULL,
  holder_kind TEXT NOT NULL,
  holder_id   TEXT NOT NULL,
  trust       TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (business_id, kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX addresses_holder ON addresses (holder_id);

CREATE TABLE conversations (
  id          TEXT NOT NULL PRIMARY KEY,
  business_id TEXT NOT NULL,
  channel     TEXT NOT NULL,
  external_id TEXT NOT NULL,
  contact_id  TEXT NOT NULL,
  version     INTEGER NOT NULL,
  linked      INTEGER NOT NULL,
  handling    TEXT NOT NULL,
  state       BLOB NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_contact ON conversations (contact_id);
CREATE INDEX conversations_recent ON conversations (business_id, updated_at, id);

CREATE TABLE messages (
  conversation_id TEXT NOT NULL,
  seq             INTEGER NOT NULL,
  id              TEXT NOT NULL,
  outgoing INTEGER NOT NULL,
  state           TEXT NOT NULL,
  body            BLOB NOT NULL,
  event_id        INTEGER NOT NULL,
  platform_id     TEXT NOT NULL DEFAULT '',
  created_at      INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, seq)
) STRICT, WITHOUT ROWID;

-- Replies that must be sent. state: 0 pending, 1 sent, 2 failed for good;
-- progress: how far it got by what the platform says, 0 to 5
CREATE TABLE replies (
  id              TEXT NOT NULL PRIMARY KEY,
  business_id     TEXT NOT NULL,
  channel         TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  part            INTEGER NOT NULL,
  pos             INTEGER NOT NULL,
  place           INTEGER NOT NULL,
  state           INTEGER NOT NULL,
  due_at          INTEGER NOT NULL,
  attempts        INTEGER NOT NULL DEFAULT 0,
  last_error      TEXT NOT NULL DEFAULT '',
  platform_id     TEXT NOT NULL DEFAULT '',
  progress          INTEGER NOT NULL DEFAULT 0,
  address         BLOB,
  body            BLOB,
  created_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX replies_due ON replies (part, pos, place) WHERE state = 0;
CREATE INDEX replies_platform ON replies (platform_id) WHERE platform_id <> '';

-- One row a destination and contact; what a worker claims.
CREATE TABLE syncs (
  id          TEXT NOT NULL PRIMARY KEY,
  business_id TEXT NOT NULL,
  destination TEXT NOT NULL,
  contact_id  TEXT NOT NULL,
  remote_id   TEXT NOT NULL DEFAULT '',
  remote_url  TEXT NOT NULL DEFAULT '',
  waiting     INTEGER NOT NULL,
  due_at      INTEGER NOT NULL,
  owner       TEXT NOT NULL DEFAULT '',
  until       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX syncs_due ON syncs (business_id, destination, due_at) WHERE waiting = 1;

CREATE TABLE deliveries (
  id              TEXT NOT NULL PRIMARY KEY,
  business_id     TEXT NOT NULL,
  destination     TEXT NOT NULL,
  contact_id      TEXT NOT NULL,
  conversation_id TEXT NOT NULL DEFAULT '',
  kind            TEXT NOT NULL,
  lead_key        TEXT NOT NULL,
  state           TEXT NOT NULL,
  changed         TEXT NOT NULL DEFAULT '',
  attempt_count   INTEGER NOT NULL DEFAULT 0,
  first_attempt_at INTEGER NOT NULL DEFAULT 0,
  due_at          INTEGER NOT NULL,
  last_error      TEXT NOT NULL DEFAULT '',
  remote_id       TEXT NOT NULL DEFAULT '',
  remote_url      TEXT NOT NULL DEFAULT '',
  attempts        BLOB,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_sync ON deliveries (contact_id, destination, created_at);
CREATE INDEX deliveries_recent ON deliveries (business_id, created_at, id);

CREATE TABLE idempotency (
  business_id TEXT NOT NULL,
  name        TEXT NOT NULL,
  hash        BLOB NOT NULL,
  status      INTEGER NOT NULL,
  location    TEXT NOT NULL DEFAULT '',
  body        BLOB,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (business_id, name)
) STRICT;

-- Guests of the embedded database; with Redis these two stay empty.
CREATE TABLE guests (
  id         TEXT NOT NULL PRIMARY KEY,
  version    INTEGER NOT NULL,
  record     BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX guests_expiry ON guests (expires_at);

CREATE TABLE guest_lines (
  guest_id TEXT NOT NULL,
  seq      INTEGER NOT NULL,
  line     BLOB NOT NULL,
  PRIMARY KEY (guest_id, seq)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE guest_lines;
DROP TABLE guests;
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
