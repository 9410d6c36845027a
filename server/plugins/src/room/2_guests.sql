-- A link by which people without an account knock. Of its secret there is SHA-256 and nothing else.
CREATE TABLE room_link (
    id TEXT PRIMARY KEY,
    room TEXT NOT NULL,
    org TEXT NOT NULL,
    digest TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX room_link_digest ON room_link (digest);
CREATE INDEX room_link_room ON room_link (room);
CREATE INDEX room_link_made_by ON room_link (made_by) WHERE revoked_at IS NULL;

-- Who came by a link, from when they say their name until their session ends.
CREATE TABLE room_guest (
    -- As whom: in the place of a person's id.
    id TEXT PRIMARY KEY,
    room TEXT NOT NULL,
    org TEXT NOT NULL,
    link TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Where they came from.
    network TEXT NOT NULL,
    entered_at BIGINT NOT NULL,
    -- Since when they may not be here any more; their session ends right after.
    gone_at BIGINT
);
CREATE INDEX room_guest_room ON room_guest (room, id);
CREATE INDEX room_guest_link ON room_guest (link);
