-- What the app and Kanvas share. Each table is made only where there is none: in a database that the app has made
-- already nothing changes. Times have a type that takes whatever the app writes, numbers and texts, as it is; and no row
-- refers to another by a constraint, for the order in which the app writes them is its own.

CREATE TABLE IF NOT EXISTS users (
  id         TEXT NOT NULL PRIMARY KEY,
  email      TEXT,
  name       TEXT,
  avatar_url TEXT,
  created_at INTEGER NOT NULL DEFAULT (unixepoch() * 1000),
  updated_at INTEGER NOT NULL DEFAULT (unixepoch() * 1000)
);

CREATE TABLE IF NOT EXISTS canvases (
  id               TEXT NOT NULL PRIMARY KEY,
  user_id          TEXT NOT NULL,
  title            TEXT,
  state_json       TEXT,
  thumbnail_url    TEXT,
  is_public        INTEGER NOT NULL DEFAULT 0,
  created_at       INTEGER NOT NULL DEFAULT (unixepoch() * 1000),
  updated_at       INTEGER NOT NULL DEFAULT (unixepoch() * 1000),
  last_accessed_at INTEGER
);

CREATE TABLE IF NOT EXISTS canvas_images (
  id         TEXT NOT NULL PRIMARY KEY,
  canvas_id  TEXT NOT NULL,
  r2_key     TEXT NOT NULL,
  url        TEXT,
  size       INTEGER,
  mime_type  TEXT,
  created_at INTEGER NOT NULL DEFAULT (unixepoch() * 1000)
);

CREATE TABLE IF NOT EXISTS shared_links (
  id          TEXT NOT NULL PRIMARY KEY,
  canvas_id   TEXT NOT NULL,
  share_token TEXT NOT NULL,
  expires_at  INTEGER,
  created_at  INTEGER NOT NULL DEFAULT (unixepoch() * 1000)
);

CREATE INDEX IF NOT EXISTS canvases_by_user ON canvases (user_id);
CREATE INDEX IF NOT EXISTS canvas_images_by_canvas ON canvas_images (canvas_id);
CREATE INDEX IF NOT EXISTS shared_links_by_canvas ON shared_links (canvas_id);
CREATE INDEX IF NOT EXISTS shared_links_by_token ON shared_links (share_token);
