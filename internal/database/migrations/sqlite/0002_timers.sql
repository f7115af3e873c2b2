-- +goose Up
-- What runs of flows wait for outside of their conversation; one row a visit of
-- a step. stage: 0, then 1 for a handover that only waits for its time to end.
CREATE TABLE timers (
  id              TEXT NOT NULL PRIMARY KEY,
  business_id     TEXT NOT NULL,
  channel         TEXT NOT NULL,
  external_id     TEXT NOT NULL,
  session         TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  lane            INTEGER NOT NULL,
  part            INTEGER NOT NULL,
  run             INTEGER NOT NULL,
  visit           INTEGER NOT NULL,
  cause           TEXT NOT NULL,
  stage           INTEGER NOT NULL DEFAULT 0,
  due_at          INTEGER NOT NULL,
  owner           TEXT NOT NULL DEFAULT '',
  until           INTEGER NOT NULL DEFAULT 0,
  attempts        INTEGER NOT NULL DEFAULT 0,
  failures        INTEGER NOT NULL DEFAULT 0,
  event_id        INTEGER NOT NULL,
  detail          BLOB NOT NULL,
  created_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due_at, part);
CREATE INDEX timers_lane ON timers (lane);

CREATE TABLE notes (
  id          TEXT NOT NULL PRIMARY KEY,
  business_id TEXT NOT NULL,
  contact_id  TEXT NOT NULL,
  text        TEXT NOT NULL,
  author      TEXT NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX notes_contact ON notes (contact_id, created_at, id);

-- +goose Down
DROP TABLE notes;
DROP TABLE timers;
